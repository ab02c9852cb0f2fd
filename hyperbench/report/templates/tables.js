(() => {
  "use strict";
  const missing = (text) => text === "";
  function compare(a, b) {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  }
  for (const button of document.querySelectorAll(".sortable thead button"))
    button.addEventListener("click", () => {
      const header = button.closest("th");
      const body = header.closest("table").tBodies[0];
      const was = header.getAttribute("aria-sort");
      const order = was ? (was === "ascending" ? "descending" : "ascending") : header.dataset.first;
      for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = [...body.rows].map((row) => [row.cells[header.cellIndex].dataset.sort ?? "", row]);
      // What is missing goes last in either order.
      keyed.sort(([a], [b]) => missing(a) - missing(b) || sign * compare(a, b));
      body.append(...keyed.map(([, row]) => row));
    });

  for (const input of document.querySelectorAll("input[data-filter]"))
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of document.getElementById(input.dataset.filter).tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });

  // What lies behind an edge is seen by nobody who is not told of it.
  const regions = [...document.querySelectorAll(".scroll, .legend")];
  const mark = (region) => {
    const right = region.scrollWidth - region.clientWidth - region.scrollLeft;
    const below = region.scrollHeight - region.clientHeight - region.scrollTop;
    region.toggleAttribute("data-more", Math.max(right, below) > 2);
  };
  const sized = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  for (const region of regions) {
    region.addEventListener("scroll", () => mark(region), { passive: true });
    sized.observe(region);
    mark(region);
  }
})();
