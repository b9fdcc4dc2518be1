// The frame around the pages: navigation, tenant, who is asking; one page at a time.
import * as account from "./account.js";
import * as accounts from "./accounts.js";
import { read } from "./api.js";
import * as audit from "./audit.js";
import * as cluster from "./cluster.js";
import * as clusters from "./clusters.js";
import { anchor, button, element, fill } from "./elements.js";
import * as exceptions from "./exceptions.js";
import * as find from "./find.js";
import * as overview from "./overview.js";
import * as prices from "./prices.js";
import { here, to } from "./route.js";
import { comeBack, signIn, signOut } from "./sign-in.js";
import * as tenants from "./tenants.js";
import * as tuning from "./tuning.js";
import * as verdict from "./verdict.js";
import * as verdicts from "./verdicts.js";

/** Page, title, the module of one thing on it, if any. */
const PAGES = {
    overview: ["Overview", overview],
    verdicts: ["Verdicts", verdicts, verdict],
    accounts: ["Accounts", accounts, account],
    clusters: ["Clusters", clusters, cluster],
    tuning: ["Tuning", tuning],
    prices: ["Prices", prices],
    exceptions: ["Exceptions", exceptions],
    audit: ["Audit", audit],
    tenants: ["Tenants", tenants],
};
/** Pages that the navigation does not list. */
const UNLISTED = { find: ["Search results", find] };
const ROLES = ["reader", "operator", "admin"];
const [main, status, notice] = ["main", "status", "notice"].map((id) => document.getElementById(id));
let caller = null;
let leave = new AbortController();

/** What a page is given. `say` tells the user without moving the focus; `signal` ends with the page. */
function context(at) {
    return {
        ...at,
        signal: leave.signal,
        link: (page, what = null) => to(at.tenant, page, what),
        may: (role) => caller !== null && ROLES.indexOf(caller.role) >= ROLES.indexOf(role),
        role: caller?.role,
        say: (words) => fill(status, words),
        again: show,
    };
}

async function show() {
    leave.abort();
    leave = new AbortController();
    const at = here();
    const pages = { ...PAGES, ...UNLISTED };
    if (at.tenant === null || !(at.page in pages)) {
        location.replace(to(at.tenant ?? document.getElementById("tenant").value, "overview"));
        return;
    }
    const [title, list, one] = pages[at.page];
    const module = at.what !== null && one ? one : list;
    document.title = `${title}${at.what ? ` ${at.what}` : ""} · ${at.tenant} · Headcount`;
    frame(at);
    fill(main, element("p", { class: "quiet" }, "…"));
    const signal = leave.signal;
    try {
        const found = await module.show(context(at));
        if (!signal.aborted)
            fill(
                main,
                element(
                    "h1",
                    { class: at.page === "overview" ? "hidden" : "" },
                    at.what && one ? module.title(at.what) : title,
                ),
                found,
            );
    } catch (error) {
        if (!signal.aborted) failed(error);
    }
}

function failed(error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) {
        askToSignIn().catch(failed);
        return;
    }
    if (error.status === undefined) console.error(error);
    fill(
        main,
        element("h1", {}, error.status === 404 ? "Not found" : "Something went wrong"),
        element("p", { role: "alert" }, error.message),
        button("Try again", start),
    );
}

function frame(at) {
    fill(
        document.getElementById("pages"),
        Object.entries(PAGES).map(([page, [title]]) => {
            const link = anchor(to(at.tenant, page), title);
            if (page === at.page) link.setAttribute("aria-current", "page");
            return element("li", {}, link);
        }),
    );
    document.getElementById("home").href = to(at.tenant, "overview");
    document.getElementById("tenant").value = at.tenant;
}

/** Ask who the API takes us for, which tenants there are, and show the page. */
async function start() {
    try {
        caller = await read("/v1/caller");
        fill(
            document.getElementById("tenant"),
            caller.sees.map((name) => element("option", { value: name }, name)),
        );
    } catch (error) {
        caller = null;
        tell();
        failed(error);
        return;
    }
    tell();
    await show();
}

function tell() {
    notice.hidden = caller?.via !== "local";
    fill(notice, "No token is configured: every user of this machine can read and change everything here.");
    fill(document.getElementById("caller"), caller === null ? "" : `${caller.name} (${caller.role})`);
    const session = caller !== null && caller.via !== "local" && caller.via !== "proxy";
    document.body.classList.toggle("signed-out", caller === null);
    document.getElementById("sign").hidden = !session && !caller?.sign_out;
}

async function askToSignIn() {
    caller = null;
    tell();
    document.title = "Sign in · Headcount";
    fill(main, element("h1", {}, "Sign in"), await signIn(start));
}

async function leaveSession() {
    try {
        if (caller.sign_out) {
            location.assign(caller.sign_out);
            return;
        }
        await signOut();
        await start();
    } catch (error) {
        fill(status, error.message);
    }
}

/** Find what the box asks for: a single hit opens its page. */
async function findWanted(event) {
    event.preventDefault();
    const box = document.getElementById("wanted");
    try {
        const { hits } = await find.search(box.value);
        const tenant = here().tenant ?? document.getElementById("tenant").value;
        const next = hits.length === 1 ? find.pageOf(hits[0]) : to(tenant, "find");
        box.value = "";
        if (location.hash === next) await show();
        else location.hash = next;
    } catch (error) {
        fill(status, error.message);
    }
}

/** Without an answer the numbers on the page are old, and a banner says so. */
let heardAt = new Date();
document.addEventListener("heard", ({ detail: answers }) => {
    if (answers) heardAt = new Date();
    const away = document.getElementById("away");
    away.hidden = answers;
    main.classList.toggle("stale", !answers);
    if (!answers) {
        const words = `The sidecar does not answer: what is shown is of ${heardAt.toLocaleTimeString("en-GB")}, not live.`;
        if (away.textContent !== words) fill(away, words);
    }
});

document.getElementById("find").addEventListener("submit", findWanted);
document.getElementById("sign").addEventListener("click", leaveSession);
document.getElementById("tenant").addEventListener("change", (event) => {
    const { page } = here();
    location.hash = to(event.target.value, page);
});
document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});
window.addEventListener("hashchange", async () => {
    await show();
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
});
comeBack();
start();
