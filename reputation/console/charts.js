// Charts by uPlot, in the page's colours; each says in words what it shows, and can be read as a table.
import { element, fill } from "./elements.js";
import { number } from "./format.js";

const uPlot = window.uPlot;
const LEAST = 120; // seconds that an axis of time spans at least
const dark = matchMedia("(prefers-color-scheme: dark)");
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * A chart over time. series: [label, name of its colour]; stacked: areas on top of each other.
 * `set(at, columns)` draws columns (one a series) over times in seconds since 1970.
 */
export class TimeChart {
    constructor(context, title, series, { stacked = false, most = null, unit = number, height = 140 } = {}) {
        Object.assign(this, { title, series, stacked, most, unit, height, data: null });
        this.holder = element("div", { class: "chart", role: "img" });
        this.rows = element("tbody");
        this.node = element(
            "figure",
            { class: height < 100 ? "low-chart" : null },
            element("figcaption", {}, title, this.legend()),
            this.holder,
            element(
                "details",
                { on: { toggle: () => this.list() } },
                element("summary", {}, "Show as a table"),
                element(
                    "div",
                    { class: "scroll low", tabindex: 0, role: "group", "aria-label": `${title}, as a table` },
                    element(
                        "table",
                        {},
                        element(
                            "thead",
                            {},
                            element(
                                "tr",
                                {},
                                element("th", { scope: "col" }, "Until"),
                                series.map(([label]) => element("th", { scope: "col", class: "number" }, label)),
                            ),
                        ),
                        this.rows,
                    ),
                ),
            ),
        );
        follow(context, this.holder, () => this.draw());
    }

    legend() {
        return element(
            "span",
            { class: "legend" },
            this.series.map(([label, name]) =>
                element("span", {}, element("i", { class: `swatch swatch-${name}` }), label),
            ),
        );
    }

    set(at, columns) {
        this.data = [at, ...columns];
        const last = at.length - 1;
        this.holder.setAttribute(
            "aria-label",
            last < 0
                ? `${this.title}: nothing yet`
                : `${this.title}, latest: ${this.series
                      .map(([label], i) => `${label} ${this.unit(columns[i][last])}`)
                      .join(", ")}`,
        );
        this.list();
        this.draw();
    }

    list() {
        if (!this.node.querySelector("details").open || !this.data) return;
        const [at, ...columns] = this.data;
        fill(
            this.rows,
            at
                .slice(-60)
                .map((_, i, { length }) => at.length - length + i)
                .reverse()
                .map((i) =>
                    element(
                        "tr",
                        {},
                        element("th", { scope: "row" }, new Date(at[i] * 1000).toLocaleTimeString("en-GB")),
                        columns.map((column) => element("td", { class: "number" }, this.unit(column[i]))),
                    ),
                ),
        );
    }

    draw() {
        if (!this.data || !this.holder.clientWidth) return;
        const data = this.stacked ? heaped(this.data) : this.data;
        const lines = this.series.map(([label, name]) => ({
            label,
            stroke: colour(name),
            width: this.stacked ? 1 : 1.5,
            points: { show: false },
            fill: this.stacked ? colour(name) : undefined,
        }));
        this.plot?.destroy();
        fill(this.holder);
        this.plot = new uPlot(
            {
                width: this.holder.clientWidth,
                height: this.height,
                legend: { show: false },
                cursor: { show: false },
                scales: {
                    x: { range: (_, first, last) => [Math.min(first, last - LEAST), last] },
                    y: { range: (_, __, high) => [0, this.most ?? (high > 0 ? high * 1.1 : 1)] },
                },
                padding: [8, 26, 0, 0],
                axes: axes(
                    { size: 44, values: (_, ticks) => ticks.map((tick) => this.unit(tick)) },
                    { size: 28, values: clock },
                ),
                // the topmost area first, so that the ones below cover their part of it
                series: [{}, ...(this.stacked ? lines.reverse() : lines)],
            },
            this.stacked ? [data[0], ...data.slice(1).reverse()] : data,
            this.holder,
        );
    }
}

/** Two histograms over the same bins, one behind the other, with marks on the axis. */
export class Histogram {
    constructor(context, title) {
        Object.assign(this, { title, found: null });
        this.holder = element("div", { class: "chart", role: "img", "aria-label": title });
        this.node = this.holder;
        follow(context, this.holder, () => this.draw());
    }

    /** edges: one more than the counts; marks: [position, name of its colour, dashes]. */
    set(edges, before, after, marks, words, logarithmic) {
        this.found = { edges, before, after, marks, logarithmic };
        this.holder.setAttribute("aria-label", `${this.title}: ${words}`);
        this.draw();
    }

    draw() {
        if (!this.found || !this.holder.clientWidth) return;
        const { edges, before, after, logarithmic } = this.found;
        const steps = uPlot.paths.stepped({ align: 1 });
        const high = Math.max(1, ...before, ...after);
        this.plot?.destroy();
        fill(this.holder);
        this.plot = new uPlot(
            {
                width: this.holder.clientWidth,
                height: 220,
                legend: { show: false },
                cursor: { show: false },
                scales: {
                    x: { time: false, range: [0, 100] },
                    y: logarithmic ? { distr: 4, asinh: 1, range: [0, high * 1.6] } : { range: [0, high * 1.08] },
                },
                padding: [8, 14, 0, 0],
                axes: axes(
                    { size: 44, values: (_, ticks) => ticks.map(number) },
                    { size: 28, values: (_, ticks) => ticks.map(String) },
                ),
                series: [
                    {},
                    {
                        label: "live",
                        paths: steps,
                        stroke: colour("before"),
                        fill: colour("before-area"),
                        width: 1,
                        points: { show: false },
                    },
                    { label: "draft", paths: steps, stroke: colour("accent"), width: 2, points: { show: false } },
                ],
                hooks: { draw: [(plot) => this.mark(plot)] },
            },
            [edges, [...before, before.at(-1)], [...after, after.at(-1)]],
            this.holder,
        );
    }

    mark(plot) {
        const { ctx, bbox } = plot;
        ctx.save();
        for (const [at, name, dashes] of this.found.marks) {
            const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
            ctx.strokeStyle = colour(name);
            ctx.setLineDash(dashes);
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
        }
        ctx.restore();
    }
}

/** Times on an axis, with seconds where the ticks are less than a minute apart. */
function clock(_, ticks, __, ___, apart) {
    return ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString("en-GB").slice(0, apart < 60 ? 8 : 5));
}

function heaped([at, ...columns]) {
    const sums = columns.map((column) => [...column]);
    for (let i = 1; i < sums.length; i += 1)
        sums[i].forEach((_, row) => {
            sums[i][row] += sums[i - 1][row];
        });
    return [at, ...sums];
}

function axes(upright, level = {}) {
    const look = {
        stroke: colour("quiet"),
        font: "11px system-ui, sans-serif",
        grid: { stroke: colour("grid"), width: 1 },
        ticks: { stroke: colour("grid"), width: 1, size: 4 },
    };
    return [
        { ...look, ...level },
        { ...look, ...upright },
    ];
}

function follow(context, holder, draw) {
    const watcher = new ResizeObserver(draw);
    watcher.observe(holder);
    dark.addEventListener("change", draw, { signal: context.signal });
    context.signal.addEventListener("abort", () => watcher.disconnect());
}
