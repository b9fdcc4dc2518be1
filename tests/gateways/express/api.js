// An Express that tells whose credential it read, as many do: a pattern with \s+, and the package basic-auth.
// KEYS in the environment says whose each key is, PORT where it listens.

const basicAuth = require("basic-auth");
const express = require("express");

const keys = new Map(Object.entries(JSON.parse(process.env.KEYS)));
const api = express();

function keysOf(request) {
  const found = /^(?:Bearer|Token)\s+(\S+)\s*$/i.exec(request.get("authorization") ?? "");
  if (found) return [found[1]];
  const basic = basicAuth(request);
  if (basic) return [basic.name, `${basic.name}:${basic.pass}`];
  return [request.get("authorization"), request.get("x-api-key")];
}

api.get("/", (request, response) => {
  const key = keysOf(request).find((one) => keys.has(one));
  if (key === undefined) return response.status(401).json({});
  return response.json({ account: keys.get(key) });
});

api.listen(Number(process.env.PORT), "127.0.0.1");
