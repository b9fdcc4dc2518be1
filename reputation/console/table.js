// A table that is sorted, filtered and paged here, so that a thousand rows are as quick as ten.
import { button, element, fill } from "./elements.js";
import { number } from "./format.js";
import { here, keep } from "./route.js";

/**
 * columns: {title, cell(row), value(row) to sort by, numeric}. size: rows of a page. words(row): what the filter looks at.
 * kept: its filter and order are in the address; of a page's tables one alone.
 * `set(rows)` shows other rows and keeps order, page, filter, and the focus on a link that is still there.
 */
export class Table {
    constructor(
        caption,
        columns,
        { size = 50, words = null, empty = "nothing yet", sorted = null, kept = false } = {},
    ) {
        const chosen = kept ? here().chosen : {};
        Object.assign(this, { columns, size, words, page: 0, rows: [], empty, kept });
        this.sorted = orderOf(columns, chosen.sort) ?? sorted;
        this.body = element("tbody");
        this.heads = columns.map((column, i) => this.head(column, i));
        this.count = element("span", { class: "quiet", "aria-live": "polite" });
        this.back = button("Previous", () => this.turn(-1));
        this.next = button("Next", () => this.turn(1));
        this.pager = element("div", { class: "pager" }, this.count, this.back, this.next);
        this.filter =
            words &&
            element("input", {
                type: "search",
                placeholder: "Filter",
                "aria-label": `Filter ${caption}`,
                value: chosen.filter,
                on: {
                    input: () => {
                        this.page = 0;
                        if (kept) keep({ filter: this.filter.value });
                        this.draw();
                    },
                },
            });
        this.node = element(
            "div",
            { class: "table" },
            (words || size < Infinity) && element("div", { class: "above" }, this.filter, this.pager),
            element(
                "div",
                { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
                element(
                    "table",
                    {},
                    element("caption", { class: "hidden" }, caption),
                    element("thead", {}, element("tr", {}, this.heads)),
                    this.body,
                ),
            ),
        );
    }

    head(column, i) {
        const sortable = column.value && this.size < Infinity;
        return element(
            "th",
            { scope: "col", class: column.numeric ? "number" : null },
            sortable ? button(column.title, () => this.sort(i)) : column.title,
        );
    }

    set(rows) {
        this.rows = rows;
        this.draw();
    }

    sort(i) {
        const falling = this.sorted?.[0] === i ? !this.sorted[1] : Boolean(this.columns[i].numeric);
        this.sorted = [i, falling];
        if (this.kept) keep({ sort: `${falling ? "-" : ""}${this.columns[i].title}` });
        this.page = 0;
        this.draw();
    }

    turn(by) {
        this.page += by;
        this.draw();
    }

    chosen() {
        const text = this.filter?.value.trim().toLowerCase();
        const found = text ? this.rows.filter((row) => this.words(row).toLowerCase().includes(text)) : [...this.rows];
        if (this.sorted === null) return found;
        const [i, falling] = this.sorted;
        const { value } = this.columns[i];
        return found.sort((one, other) => compared(value(one), value(other)) * (falling ? -1 : 1));
    }

    draw() {
        const rows = this.chosen();
        const pages = Math.max(Math.ceil(rows.length / this.size), 1);
        this.page = Math.min(Math.max(this.page, 0), pages - 1);
        const from = this.size < Infinity ? this.page * this.size : 0;
        const shown = rows.slice(from, from + this.size);
        const focused = this.body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        fill(
            this.body,
            shown.length
                ? shown.map((row) => this.row(row))
                : element("tr", {}, element("td", { colspan: this.columns.length, class: "quiet" }, this.empty)),
        );
        if (focused) this.body.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
        this.heads.forEach((head, i) =>
            this.sorted?.[0] === i
                ? head.setAttribute("aria-sort", this.sorted[1] ? "descending" : "ascending")
                : head.removeAttribute("aria-sort"),
        );
        fill(
            this.count,
            rows.length ? `${number(from + 1)}–${number(from + shown.length)} of ${number(rows.length)}` : "none",
        );
        this.back.disabled = this.page === 0;
        this.next.disabled = this.page >= pages - 1;
        this.back.hidden = this.next.hidden = pages === 1;
    }

    row(row) {
        return element(
            "tr",
            {},
            this.columns.map((column) => element("td", { class: column.numeric ? "number" : null }, column.cell(row))),
        );
    }
}

/** The order of an address, such as -Accounts for the column Accounts, falling; null without one. */
function orderOf(columns, text = "") {
    const falling = text.startsWith("-");
    const i = columns.findIndex(({ title, value }) => value && title === text.slice(falling ? 1 : 0));
    return i < 0 ? null : [i, falling];
}

function compared(one, other) {
    if (typeof one === "string" || typeof other === "string")
        return String(one ?? "").localeCompare(String(other ?? ""));
    return (one ?? -Infinity) - (other ?? -Infinity);
}
