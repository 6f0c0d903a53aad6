
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], first = [...body.rows];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      const isNumber = head.classList.contains("number");
      const key = (row) => {
        const cell = row.cells[column];
        return isNumber ? ("value" in cell.dataset ? Number(cell.dataset.value) : NaN) : cell.textContent;
      };
      const compare = (one, other) => {
        const a = key(one), b = key(other);
        if (!isNumber) return (falling ? -1 : 1) * a.localeCompare(b, "en", { numeric: true });
        if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
        return falling ? b - a : a - b;
      };
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      body.append(...[...first].sort(compare));
    });
  });
}
