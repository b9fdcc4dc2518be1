// The API's description in Swagger UI. Requests that are tried out are sent by the session of the console, or by a token.
import { element, fill } from "./elements.js";

const main = document.getElementById("api");
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

async function show() {
    const answer = await fetch(new URL("../openapi.json", location.href), { cache: "no-store" });
    if (!answer.ok) {
        const words = answer.status === 401 ? "Sign in to read the description of the API: " : "The sidecar refused: ";
        fill(main, element("p", { role: "alert" }, words, element("a", { href: "../console/" }, "the console"), "."));
        return;
    }
    const spec = await answer.json();
    spec.servers = [{ url: new URL("..", location.href).href.replace(/\/$/, ""), description: "this admin listener" }];
    window.SwaggerUIBundle({
        spec,
        domNode: main,
        deepLinking: true,
        docExpansion: "list",
        defaultModelsExpandDepth: 0,
        displayOperationId: true,
        filter: true,
        validatorUrl: null,
    });
}

dark.addEventListener("change", colour);
colour();
show().catch(() => fill(main, element("p", { role: "alert" }, "The sidecar did not answer.")));
