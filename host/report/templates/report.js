'use strict';
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // What a row is sorted by in a column: a number if there is one, else its text.
  const key = (row, column) => {
    const cell = row.cells[column];
    return 'value' in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
  };

  const compare = (one, other) => {
    if (typeof one === 'number' && typeof other === 'number') return one - other;
    return String(one).localeCompare(String(other), 'en', { numeric: true });
  };

  const sort = (table, head, column) => {
    // Numbers begin with the largest, texts with the first.
    const first = head.classList.contains('number') ? 'descending' : 'ascending';
    const second = first === 'ascending' ? 'descending' : 'ascending';
    const order = head.getAttribute('aria-sort') === first ? second : first;
    for (const other of all('th', table)) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', order);
    const sign = order === 'ascending' ? 1 : -1;
    const rows = all('tbody tr', table).map((row) => [key(row, column), row]);
    rows.sort(([one], [other]) => sign * compare(one, other));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };

  for (const table of all('table[data-sortable]')) {
    all('th', table).forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(head.firstChild);
      button.addEventListener('click', () => sort(table, head, column));
      head.prepend(button);
    });
  }

  const form = document.getElementById('filter');
  const text = document.getElementById('filter-text');
  const kind = document.getElementById('filter-class');
  const rows = all('table[data-sortable] tbody tr').map((row) => [row, row.textContent.toLowerCase()]);

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const [row, content] of rows) {
      const ofKind = !kind.value || !row.dataset.class || row.dataset.class === kind.value;
      row.hidden = !(ofKind && content.includes(wanted));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById('filter-count').value = wanted || kind.value ? `${shown} of ${rows.length} rows` : '';
  };

  text.addEventListener('input', filter);
  kind.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
})();
