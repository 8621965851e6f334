/**
 * What a page does for its tables where scripts run: a click on a column's name sorts, and long tables get a field that filters.
 *
 * @module
 */

/**
 * Plain JavaScript of one page. Numbers sort by value, other texts as people count ("jpeg-9" before "jpeg-30"), what is missing comes
 * last in either direction; a third click gives the first order back.
 */
export const tableScript = `
(() => {
  const MOST = 8; // rows of a table that needs no filter
  const { compare } = new Intl.Collator("en", { numeric: true });
  const textOf = (row, column) => row.cells[column]?.textContent.trim() ?? "";
  const isMissing = (text) => text === "" || text === "–";
  const numberOf = (text) => {
    const plain = text.replaceAll(",", "").replaceAll("−", "-");
    const found = /^[<>≤≥≈~±+ ]*(-?\\d+(\\.\\d+)?(e[+-]?\\d+)?)(?![\\w./:-])/i.exec(plain); // no date, no version
    return found ? Number(found[1]) : NaN;
  };
  const sortable = (table) => {
    const [body] = table.tBodies;
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const sort = (column, direction) => {
      for (const head of heads) head.removeAttribute("aria-sort");
      if (direction === 0) return body.append(...rows);
      heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const keyed = rows.map((row) => ({ row, text: textOf(row, column) }));
      const known = keyed.filter(({ text }) => !isMissing(text));
      const numbers = known.map(({ text }) => numberOf(text));
      const isNumeric = numbers.every((number) => !Number.isNaN(number));
      const order = isNumeric
        ? (a, b) => numberOf(a.text) - numberOf(b.text)
        : (a, b) => compare(a.text, b.text);
      known.sort((a, b) => direction * order(a, b));
      body.append(...[...known, ...keyed.filter(({ text }) => isMissing(text))].map(({ row }) => row));
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(column, now === "ascending" ? -1 : now === "descending" ? 0 : 1);
      });
    });
  };
  const filterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\\n").toLowerCase());
    const label = document.createElement("label");
    const field = document.createElement("input");
    const count = document.createElement("output");
    label.className = "filter";
    field.type = "search";
    field.autocomplete = "off";
    label.append("Filter ", field, " ", count);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\\s+/).filter((word) => word);
      rows.forEach((row, i) => row.hidden = !words.every((word) => texts[i].includes(word)));
      const shown = rows.filter((row) => !row.hidden).length;
      count.value = words.length > 0 ? shown + " of " + rows.length + " rows" : "";
    });
    table.closest(".wide").before(label);
  };
  for (const table of document.querySelectorAll(".wide > table")) {
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) sortable(table);
    if (rows > MOST) filterable(table);
  }
  // Older browsers print a closed <details> closed whatever the style says.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
`.trim();
