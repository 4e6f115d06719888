"use strict";
(() => {
  const valueOf = (row, column) => row.cells[column].dataset.value;

  const comparison = (column, numeric, sign) => (left, right) => {
    const a = valueOf(left, column);
    const b = valueOf(right, column);
    // What is missing stays last in both directions.
    if (a === undefined || b === undefined) {
      return (a === undefined) - (b === undefined);
    }
    return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en"));
  };

  const sort = (table, head) => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) {
      other.setAttribute("aria-sort", "none");
    }
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = table.tBodies[0];
    const numeric = head.dataset.kind === "number";
    const order = comparison(head.cellIndex, numeric, descending ? -1 : 1);
    body.append(...[...body.rows].sort(order));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      head.querySelector("button").addEventListener("click", () => sort(table, head));
    }
  }

  const show = () => {
    const group = location.hash.slice(1);
    for (const row of document.querySelectorAll("tr[data-group]")) {
      row.classList.toggle("shown", row.dataset.group === group);
    }
    const target = group && document.getElementById(group);
    const details = target && target.closest("details");
    if (details) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", show);
  show();
})();
