"""What the site has beyond the Markdown pages, as extensions of Sphinx."""
