// The excerpts of search results would be fetched, which browsers refuse to pages that were opened from disk.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
