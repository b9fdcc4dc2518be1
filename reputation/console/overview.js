// What the tenant's traffic came to over the last hour or day.
import { path, read } from "./api.js";
import { TimeChart } from "./charts.js";
import { anchor, choice, element, figures, fill } from "./elements.js";
import { number, percent, span, TIERS } from "./format.js";
import { poll } from "./poll.js";
import { keep } from "./route.js";

const STOPS = ["throttle", "challenge", "deny"];
const SCOPES = ["account", "cluster", "organisation", "neighbourhood", "address", "newcomers"];
const EVERY = 5;

export async function show(context) {
    const charts = drawn(context);
    const summary = element("div");
    const home = element("div");
    const windows = choice(
        [
            ["hour", "last hour"],
            ["day", "last day"],
        ],
        context.chosen.window ?? "hour",
        { "aria-label": "Span of the charts", on: { change: () => changed() } },
    );
    const changed = () => {
        keep({ window: windows.value });
        return refresh();
    };
    const refresh = async () => {
        const found = await read(path(["timeline"], { tenant: context.tenant, window: windows.value }), context.signal);
        const tenant = await read(path(["tenants", context.tenant]), context.signal).catch(unlessAway);
        fill(home, told(context, await read(path(["overview"], { tenant: context.tenant }), context.signal)));
        fill(summary, summarised(context, found, tenant));
        charts.forEach(({ chart, columns }) => chart.set(found.columns.at, columns(found.columns)));
    };
    poll(context, EVERY, refresh);
    await refresh();
    return [
        home,
        element("div", { class: "line" }, element("h2", {}, "Now"), windows),
        summary,
        element(
            "div",
            { class: "charts" },
            charts.map(({ chart }) => chart.node),
        ),
    ];
}

/** One sentence on what is held, and links to the largest clusters. */
function told(context, { sentence, clusters }) {
    return [
        element("p", { id: "sentence", class: "headline" }, sentence),
        element(
            "p",
            { class: "line" },
            clusters.map((one) => anchor(context.link("clusters", one.id), `${one.id}: ${number(one.size)} accounts`)),
        ),
    ];
}

/** While the state is away the trial is unknown; all else goes on. */
function unlessAway(error) {
    if (error.status !== 503) throw error;
    return null;
}

function drawn(context) {
    const rates = (columns, names) => names.map((name) => columns[name].map((n, i) => n / columns.seconds[i]));
    const named = (names, prefix) => names.map((name, i) => [name, `${prefix}-${i}`]);
    return [
        {
            chart: new TimeChart(context, "Requests a second, by tier", named(TIERS, "tier"), { stacked: true }),
            columns: (columns) => rates(columns, TIERS),
        },
        {
            chart: new TimeChart(context, "Stops a second", named(STOPS, "stop"), { stacked: true }),
            columns: (columns) => rates(columns, STOPS),
        },
        {
            chart: new TimeChart(context, "Throttled a second, by limit", named(SCOPES, "scope"), {
                stacked: true,
            }),
            columns: (columns) => rates(columns, SCOPES),
        },
        {
            chart: new TimeChart(context, "Linked accounts and clusters", [
                ["accounts in clusters", "scope-1"],
                ["clusters", "accent"],
            ]),
            columns: (columns) => [columns.linked, columns.clusters],
        },
        {
            chart: new TimeChart(context, "Degraded: state was unavailable", [["degraded", "danger"]], {
                stacked: true,
                most: 1,
                height: 70,
            }),
            columns: (columns) => [columns.degraded],
        },
    ];
}

function summarised(context, { now, columns }, tenant) {
    const last = columns.at.length - 1;
    const sum = (names) => names.reduce((total, name) => total + (last < 0 ? 0 : columns[name][last]), 0);
    const requests = sum(TIERS);
    const stops = sum(STOPS);
    const seconds = last < 0 ? 1 : columns.seconds[last];
    const stage = tenant?.stage === "canary" ? `canary ${number(tenant.percent)}%` : tenant?.stage;
    const trial = tenant === null ? "–" : tenant.candidate === null ? "none" : `${tenant.candidate} (${stage})`;
    return figures([
        ["requests a second", last < 0 ? "–" : number(requests / seconds)],
        ["stopped", requests ? percent(stops / requests) : "–"],
        ["clusters", anchor(context.link("clusters"), number(now.clusters))],
        ["accounts in clusters", number(now.linked)],
        ["accounts known", number(now.accounts_known)],
        ["live revision", anchor(context.link("tuning"), now.revision)],
        ["on trial", trial],
        ["mode", now.mode],
        [
            "links updated",
            now.links_at
                ? `${span(Math.max(now.at - now.links_at, 0))} ago`
                : now.linker
                  ? "not yet"
                  : "linker is not running",
        ],
        ["state", now.degraded ? element("strong", { class: "danger" }, "degraded") : "healthy"],
    ]);
}
