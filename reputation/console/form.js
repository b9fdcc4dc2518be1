// A form for an operator's action: closed to other roles; it shows the result.
import { element } from "./elements.js";

/** send acts and gives the words to say; what it throws is said in their place. controls stand in one line. */
export function operatorForm(context, send, ...controls) {
    const submit = async (event) => {
        event.preventDefault();
        try {
            context.say(await send());
        } catch (error) {
            context.say(error.message);
        }
    };
    const may = context.may("operator");
    return element(
        "form",
        { on: { submit } },
        element("fieldset", { disabled: !may }, element("div", { class: "line" }, controls)),
        may ? null : element("p", { class: "quiet" }, "You need the role operator."),
    );
}
