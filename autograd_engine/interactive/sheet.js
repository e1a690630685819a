// A sheet of exercises: reads the seed and the view from the URL, grades numbers, and counts what is right.

(() => {
  "use strict";
  const { sheets, reasons, comma, thousands, tolerance, exact } = JSON.parse(document.getElementById("data").textContent);
  const seeds = [...document.querySelectorAll("template")].map((sheet) => sheet.dataset.seed);
  const byId = (id) => document.getElementById(id);

  // ---- grading: as Exercise.check, for numbers ----

  const near = (x, y, relative, absolute = 0) => Number.isFinite(x) && Math.abs(x - y) <= Math.max(relative * Math.max(Math.abs(x), Math.abs(y)), absolute);
  const close = (x, y) => near(x, y, tolerance, 1e-9);

  // A number as people write it, or a fraction of two; undefined for anything else.
  function parsed(text) {
    const plain = text.trim().replaceAll("−", "-").replaceAll(",", ".");
    const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
    const parts = plain.split("/").map((part) => part.trim());
    if (parts.length > 2 || !parts.every((part) => number.test(part))) return undefined;
    return parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  }

  function reason(wrong, right, mistakes) {
    if (!Number.isFinite(wrong)) return reasons.finite;
    for (const relative of [exact, tolerance]) {
      const usual = mistakes.find(([, number]) => near(wrong, number, relative, 1e-9));
      if (usual) return usual[0];
      if ([1, 2].some((digits) => near(wrong, Number(right.toPrecision(digits)), exact))) return reasons.rounded;
    }
    if (near(wrong, right, 10 * tolerance)) return reasons.close;
    if (wrong * right < 0) return reasons.sign;
    return Math.abs(wrong) > Math.abs(right) ? reasons.large : reasons.small;
  }

  // Whether an answer is right, and what is said to it.
  function grade(blank, text) {
    if (/^\s*[+−-]?[1-9]\d{0,2}(,\d{3})+\s*$/.test(text)) return { right: false, remark: thousands };
    const number = parsed(text);
    if (number === undefined) return { right: false, remark: "a number, please, such as 0.25, −3, 1/4 or 2e−3" };
    if (close(number, blank.answer)) return { right: true, remark: text.includes(",") ? comma : "" };
    return { right: false, remark: reason(number, blank.answer, blank.mistakes) };
  }

  // ---- the page ----

  const state = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    return { seed: seeds.includes(asked.get("seed")) ? asked.get("seed") : seeds[0], solved: asked.get("view") === "solutions" };
  };

  function go(seed, solved) {
    location.hash = `seed=${seed}${solved ? "&view=solutions" : ""}`;
  }

  function score() {
    const [right, all] = [document.querySelectorAll("main .answer.right").length, document.querySelectorAll("main .answer").length];
    byId("score").textContent = `${right} of ${all} right`;
  }

  function connect(row, blank) {
    const [input, verdict, hints] = ["input", ".verdict", "ol"].map((selector) => row.querySelector(selector));
    const check = () => {
      row.classList.remove("right", "wrong");
      verdict.textContent = "";
      if (input.value.trim()) {
        const { right, remark } = grade(blank, input.value);
        row.classList.add(right ? "right" : "wrong");
        verdict.textContent = (right ? "Right" : "Not yet") + (remark ? `: ${remark}.` : ".");
      }
      score();
    };
    input.addEventListener("change", check);
    input.addEventListener("input", () => row.classList.contains("wrong") || check());
    row.querySelector(".check").addEventListener("click", check);
    const hint = row.querySelector(".hint");
    hint.addEventListener("click", () => {
      const line = document.createElement("li");
      line.innerHTML = blank.hints[hints.children.length];
      hints.append(line);
      hint.hidden = hints.children.length === blank.hints.length;
      if (hint.hidden) input.focus(); // the keyboard stays at this number
    });
    hint.hidden = !blank.hints.length;
  }

  // A formula that is wider than the page can be scrolled by the keyboard, too.
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });

  let shown; // the seed of what is on the page

  function show() {
    const { seed, solved } = state();
    if (seed !== shown) {
      shown = seed;
      const place = seeds.indexOf(seed);
      document.querySelector("main").replaceChildren(document.querySelectorAll("template")[place].content.cloneNode(true));
      widths.disconnect();
      document.querySelectorAll("main .formula").forEach((formula) => widths.observe(formula));
      document.querySelectorAll("main section").forEach((section, i) =>
        section.querySelectorAll(".answer").forEach((row, k) => connect(row, sheets[place][i][k])),
      );
    }
    document.body.classList.toggle("solved", solved);
    byId("solutions").setAttribute("aria-pressed", String(solved));
    byId("seed").textContent = seeds.length > 1 ? `Seed ${seed}` : "";
    byId("other").hidden = seeds.length < 2;
    score();
  }

  byId("other").onclick = () => go(seeds[(seeds.indexOf(state().seed) + 1) % seeds.length], state().solved);
  byId("solutions").onclick = () => go(state().seed, !state().solved);
  byId("print").onclick = () => print();
  addEventListener("hashchange", show);
  show();
})();
