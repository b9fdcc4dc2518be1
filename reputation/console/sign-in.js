// Signing in: by a token, which becomes a session, or at the provider, which sends the browser back here.
import { call, read } from "./api.js";
import { button, element, field } from "./elements.js";

/** The page to come back to, for the time at the provider; it stays in this tab. */
const PAGE = "headcount.page";
const REFUSALS = {
    expired: "The sign-in took too long, or began in another browser. Try again.",
    groups: "You are signed in at the provider, but none of your groups has a role here. Ask your administrator.",
    provider: "The provider could not be reached, or its answer could not be read. The sidecar's log has the reason.",
    refused: "The provider did not confirm the sign-in. The sidecar's log has the reason.",
};

let refusal = takeRefusal();

/** The page's content; `done` is called with the session in place. */
export async function signIn(done) {
    const ways = await read("/v1/session");
    return [
        element("p", { role: "alert", class: "danger" }, refusal),
        ways.oidc && element("p", {}, button(`Sign in with ${ways.oidc}`, atProvider, { class: "main" })),
        ways.token && tokenForm(done),
        !ways.oidc && !ways.token && element("p", {}, "Sign in at the proxy in front of this sidecar, and reload the page."),
    ];
}

function tokenForm(done) {
    const control = element("input", {
        type: "password",
        pattern: "[!-~]+",
        title: "ASCII letters, digits and punctuation",
        autocomplete: "off",
        required: true,
    });
    const error = element("p", { role: "alert", class: "danger" });
    const submit = async (event) => {
        event.preventDefault();
        try {
            await call("POST", "/v1/session", { body: { token: control.value.trim() } });
            refusal = "";
            await done();
        } catch (problem) {
            error.textContent = problem.message;
            control.select();
        }
    };
    return element(
        "form",
        { class: "panel sign-in", on: { submit } },
        field("Token", control, "a token of the configuration"),
        element("p", { class: "buttons" }, element("button", { class: "main" }, "Sign in")),
        error,
    );
}

function atProvider() {
    sessionStorage.setItem(PAGE, location.hash);
    location.assign(new URL("../v1/session/oidc", location.href));
}

/** End the session here and at every replica. */
export const signOut = () => call("DELETE", "/v1/session");

/** After the provider: the page that was asked for before. */
export function comeBack() {
    const page = sessionStorage.getItem(PAGE);
    if (page === null) return;
    sessionStorage.removeItem(PAGE);
    if (!location.hash && page.startsWith("#")) location.replace(page);
}

/** What the sidecar wrote into the address, in words; the address loses it. */
function takeRefusal() {
    const code = new URLSearchParams(location.search).get("sign_in");
    if (code === null) return "";
    history.replaceState(null, "", location.pathname + location.hash);
    return REFUSALS[code] ?? REFUSALS.refused;
}
