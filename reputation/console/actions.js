// What an operator can do about a verdict or an account: lift, double, label, copy the link, take back.
import { call, path } from "./api.js";
import { askConfirmation } from "./dialogs.js";
import { button, choice, element, field } from "./elements.js";
import { moment } from "./format.js";

const DAY = 86400;
const VERBS = { lift: "Lift for 24 h", double: "Double for a day" };

/**
 * Buttons for an account. found: {remedies, exceptions} of the API. verdict: its id, if the page is about one; then the
 * lift is an appeal.
 */
export function actions(context, account, found, verdict = null) {
    const may = context.may("operator");
    const done = async (words) => {
        await context.again();
        context.say(words);
    };
    const remedies = found.remedies ?? [];
    return element(
        "div",
        { class: "actions" },
        element(
            "p",
            { class: "line" },
            remedies.map((remedy) =>
                button(VERBS[remedy.kind], () => apply(context, account, remedy, verdict, done), {
                    class: remedy.helps && remedy.kind === best(remedies) ? "main" : null,
                    disabled: !may || remedy.refused !== null,
                }),
            ),
            account === null
                ? null
                : button("Label", () => label(context, account, verdict, done), { disabled: !may }),
            button("Copy link", () => copyLink(context)),
        ),
        may ? null : element("p", { class: "quiet" }, "To change something you need the role operator."),
        notes(remedies, found),
        found.listed?.words ? element("p", { class: "listed" }, found.listed.words) : null,
        (found.exceptions ?? []).map((one) => inForce(context, one, may, done)),
    );
}

const best = (remedies) => remedies.find((remedy) => remedy.helps)?.kind;

function notes(remedies, found) {
    if (found.remedies === null)
        return element("p", { class: "danger" }, "Shared state did not answer, so nothing can be lifted now.");
    const [lift] = remedies;
    if (lift === undefined) return null;
    if (lift.refused !== null) return element("p", { class: "quiet" }, `Not lifted from here: ${lift.refused}.`);
    if (!lift.helps && best(remedies))
        return element(
            "p",
            { class: "quiet" },
            "The account used its own limit: a lift within its limits changes nothing, doubling does.",
        );
    return null;
}

/** An exception that is active, with the button that takes it back. */
function inForce(context, one, may, done) {
    const limits = !one.within_limits
        ? "without limits"
        : one.times === 1
          ? "within its own limits"
          : `at ${one.times} times its own limits`;
    const back = async () => {
        try {
            const query = { tenant: context.tenant, reason: "taken back in the console" };
            await call("DELETE", path(["allow", one.id], query));
            await done(`taken back: ${one.value}`);
        } catch (error) {
            context.say(error.message);
        }
    };
    return element(
        "p",
        { class: "lifted" },
        element("strong", {}, `Let through ${limits}`),
        " until ",
        moment(one.expires),
        ` by ${one.by}: ${one.reason} `,
        may ? button("Take back", back, { "aria-label": `Take back the exception for ${one.value}` }) : null,
    );
}

async function apply(context, account, remedy, verdict, done) {
    const reviewed = remedy.review && element("input", { type: "checkbox", required: true });
    const reason = await askConfirmation(VERBS[remedy.kind], {
        words: remedy.words,
        reason: verdict ? `a customer was stopped, verdict ${verdict}` : "a customer was stopped",
        verb: VERBS[remedy.kind],
        controls: reviewed ? [field(`I have reviewed cluster ${remedy.review}, which the account is in`, reviewed)] : [],
    });
    if (reason === null) return;
    const { times } = remedy;
    const common = { reason, expires_in: DAY, times };
    const own = { ...common, kind: "account", value: account, within_limits: true };
    const appeal = { ...common, verdict, reviewed: Boolean(reviewed) };
    try {
        const body = verdict ? appeal : own;
        const { value: made } = await call("POST", path([verdict ? "appeals" : "allow"], { tenant: context.tenant }), {
            body,
        });
        const words = `${remedy.kind === "lift" ? "lifted" : "doubled"} for 24 hours: ${account}`;
        await done([words, ...(made.warnings ?? [])].join("; warning: "));
    } catch (error) {
        context.say(error.message);
    }
}

async function label(context, account, verdict, done) {
    const options = [
        ["", "choose"],
        ["good", "good"],
        ["abuse", "abuse: stopped until the label is removed"],
    ];
    const word = choice(options, "", { required: true });
    const reason = await askConfirmation(`Label ${account}`, {
        words: "A label is a person's decision. It counts in full, and measures and suggestions learn from it.",
        reason: verdict ? `verdict ${verdict}` : "",
        verb: "Label it",
        controls: [field("It is", word)],
    });
    if (reason === null) return;
    try {
        const body = { account, label: word.value, reason };
        const { value: made } = await call("POST", path(["labels"], { tenant: context.tenant }), { body });
        await done([`labelled: ${word.value}`, ...made.warnings].join("; warning: "));
    } catch (error) {
        context.say(error.message);
    }
}

async function copyLink(context) {
    try {
        await navigator.clipboard.writeText(location.href);
        context.say("link copied");
    } catch {
        context.say(`the browser does not let the console copy; the link is ${location.href}`);
    }
}
