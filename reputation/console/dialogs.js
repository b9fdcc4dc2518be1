// Questions in a dialog of the browser's own, which keeps the focus inside and gives it back.
import { button, element, field } from "./elements.js";

/** Ask for one text; null if the user thought better of it. before: what stands above the field. */
function ask(title, words, control, verb, before = []) {
    return new Promise((resolve) => {
        let answer = null;
        const form = element(
            "form",
            {
                method: "dialog",
                on: {
                    submit: (event) => {
                        event.preventDefault();
                        answer = control.value.trim();
                        if (answer) dialog.close();
                    },
                },
            },
            element("h2", { id: "dialog-title" }, title),
            before,
            field(words, control),
            element(
                "p",
                { class: "buttons" },
                element("button", { class: "main" }, verb),
                button("Cancel", () => dialog.close()),
            ),
        );
        const dialog = element(
            "dialog",
            {
                "aria-labelledby": "dialog-title",
                on: {
                    close: () => {
                        dialog.remove();
                        resolve(answer);
                    },
                },
            },
            form,
        );
        document.body.append(dialog);
        dialog.showModal();
        control.focus();
    });
}

export const askReason = (title, verb) =>
    ask(title, "Reason, for the audit log", element("input", { type: "text", maxlength: 1024, required: true }), verb);

/** Say what an action touches, and ask for its reason; null if the user thought better of it. */
export function askConfirmation(title, { words, reason, verb, controls }) {
    const control = element("input", { type: "text", maxlength: 1024, required: true, value: reason });
    const before = [element("p", {}, words), ...controls];
    return ask(title, "Reason, for the audit log", control, verb, before);
}
