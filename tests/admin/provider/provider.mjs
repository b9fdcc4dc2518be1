// A real OpenID Connect provider on loopback: `node provider.mjs PORT KEY-ID SECRET REDIRECT-URI`. A person signs in with
// any password; the groups are what follows a + in the name, as in ann+ops.
import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const [port, kid, secret, redirect] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
        {
            client_id: "headcount",
            client_secret: secret,
            redirect_uris: [redirect],
            grant_types: ["authorization_code"],
            response_types: ["code"],
        },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
    cookies: { keys: ["cookies of the tests"] },
    scopes: ["openid", "profile", "email", "groups"],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({
        accountId: sub,
        claims: () => ({ sub, preferred_username: sub.split("+")[0], groups: sub.split("+").slice(1) }),
    }),
});
provider.listen(Number(port), "127.0.0.1");
