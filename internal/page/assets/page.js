// What pages do beyond links and forms: they look again, sort tables, and go to the search by "/". All of it can be done without.
"use strict";

// busy: somebody is writing, choosing or reading closely, and would lose it.
function busy(main) {
  const at = document.activeElement;
  if (at && main.contains(at) && at.matches("input, select, textarea, summary")) return true;
  const chosen = getSelection();
  return document.hidden || main.querySelector("details[open], input[type=checkbox][name=mark]:checked") !== null || (chosen && !chosen.isCollapsed);
}

async function lookAgain() {
  const main = document.querySelector("main[data-refresh]");
  if (!main || busy(main)) return;
  let text;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // the server is away for a while
  }
  const own = document.querySelector("link[rel=stylesheet]").nonce; // the only one that styles of this page may have
  text = text.replace(/<style nonce="[^"]*"/g, `<style nonce="${own}"`);
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  if (!fresh || busy(main)) return;
  const sorted = [...main.querySelectorAll("th[aria-sort]")].map((th) => [headings().indexOf(th), th.getAttribute("aria-sort")]);
  const at = document.activeElement && document.activeElement.id;
  main.replaceChildren(...fresh.childNodes);
  makeSortable();
  for (const [i, order] of sorted) sortBy(headings()[i], order);
  if (at) document.getElementById(at)?.focus();
}

function headings() {
  return [...document.querySelectorAll("table.sortable thead th")];
}

function makeSortable() {
  for (const th of headings()) {
    if (th.querySelector("button") || !th.textContent.trim()) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    button.addEventListener("click", () => sortBy(th, th.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending"));
    th.append(button);
  }
}

function sortBy(th, order) {
  if (!th) return;
  const column = [...th.parentNode.children].indexOf(th);
  const body = th.closest("table").tBodies[0];
  const value = (row) => {
    const cell = row.cells[column];
    return cell ? cell.dataset.value ?? cell.textContent.trim() : "";
  };
  const rows = [...body.rows].map((row) => [value(row), row]);
  const numbers = rows.every(([v]) => v === "" || !isNaN(v.replace(/[\s\u202f]/g, "")));
  const number = (v) => (v === "" ? -Infinity : Number(v.replace(/[\s\u202f]/g, "")));
  rows.sort(([a], [b]) => (numbers ? number(a) - number(b) : a.localeCompare(b)));
  if (order === "descending") rows.reverse();
  for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
  th.setAttribute("aria-sort", order);
  body.append(...rows.map(([, row]) => row));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});

makeSortable();
const refreshed = document.querySelector("main[data-refresh]");
if (refreshed) setInterval(lookAgain, 1000 * Number(refreshed.dataset.refresh));
