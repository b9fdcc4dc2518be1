-- What a key is: which API keys a client's headers hold. The same rule as plugins/keys.py, and docs/keys.md states it;
-- tests/gateways/key_spellings.json holds both to it. nil, reason is a 400: no API could read the header as a
-- credential, or two APIs would read two different ones.

local text = require "headcount.text"

local M = {}

local LONGEST_KEY = 256
local QUOTES = { ['"'] = true, ["'"] = true, ["`"] = true }
-- control characters, and blanks of `\s`, `split` or `trim` in any language; a tab is one in HTTP too
local UNREADABLE = {
  "[%z\1-\8\10-\31\127]", "\194[\128-\160]", "\225\154\128", "\225\160\142", "\226\128[\128-\143\168-\175]",
  "\226\129[\159-\175]", "\227\128\128", "\239\187\191",
}

local function two(header) return nil, "more than one " .. header .. " header" end

local function is_unreadable(value)
  if not value:find "[%z\1-\8\10-\31\127-\255]" then return false end
  for _, pattern in ipairs(UNREADABLE) do
    if value:find(pattern) then return true end
  end
  return false
end

local function is_quoted(word) return QUOTES[word:sub(1, 1)] end

local function words_of(value)
  local words = {}
  for word in value:gmatch "[^ \t]+" do words[#words + 1] = word end
  return words
end

-- The one word after Bearer, if APIs agree on what it is: some cut it at a semicolon, or look for `token=`.
local function token(words)
  for i = 2, #words do
    if words[i]:find(",", 1, true) then return two "authorization" end
  end
  local word = words[2]
  if #words ~= 2 or word:find(";", 1, true) or QUOTES[word:sub(-1)] or word:find "^[A-Za-z_%-]+=[^=]" then
    return nil, "Bearer is not followed by exactly one key"
  end
  return { { text = word } }
end

-- The bytes of base64, without regard to junk, missing padding and an odd last sign.
local function decoded(packed)
  local signs = packed:gsub("[^%w+/]", "")
  if #signs % 4 == 1 then signs = signs:sub(1, -2) end
  return ngx.decode_base64(signs .. ("="):rep(-#signs % 4)) or ""
end

local function bare(value) return value:match "^[ \t\r\n]*(.-)[ \t\r\n]*$" end

-- The user, with `user:password` behind it; without a user the password. nil if neither can be read.
local function user_of(user, password)
  user = bare(user)
  local key = user ~= "" and user or bare(password)
  if key == "" or key:find("\t", 1, true) or is_unreadable(key) then return nil end
  return { text = key, full = password ~= "" and not is_unreadable(password) and user .. ":" .. password or nil }
end

-- The user, as UTF-8 and, where its password is none, as Latin-1 too: Django reads both parts in one encoding.
local function users_of(pair, found)
  pair = bare(pair)
  local user, password = pair:match "^([^:]*):?(.*)$"
  found[#found + 1] = user_of(text.text(user), text.text(password))
  if text.text(pair) ~= pair then found[#found + 1] = user_of(text.latin1(user), text.latin1(password)) end
end

local function url_safe(packed) return (packed:gsub("%-", "+"):gsub("_", "/")) end

-- The keys in the base64 of Basic, by each way in which lenient decoders read it. Node reads base64url as well, Python
-- skips its two signs; most skip blanks, some stop at the first one.
local function basic_keys(words)
  local whole = table.concat(words, "", 2)
  if whole:find(",", 1, true) then return two "authorization" end
  if whole:find "=.*[%w+/_%-]" then return nil, "the base64 of Basic goes on after its padding" end
  local found = {}
  for _, way in ipairs { url_safe(whole), whole, url_safe(words[2] or "") } do
    users_of(decoded(way), found)
  end
  if not found[1] then return nil, "Basic holds no user that can be read" end
  return found
end

-- The keys that APIs read in an Authorization header: one, and more where they decode Basic differently.
local function keys_of(value)
  local words = words_of(value)
  local scheme = words[1]:lower()
  if words[1]:find(",", 1, true) then return two "authorization" end
  for i = 2, #words > 2 and #words or 0 do
    local word = words[i]:lower()
    if word == "bearer" or word == "basic" then return two "authorization" end
  end
  if is_quoted(words[#words]) or is_quoted(words[1]) then return nil, "the authorization header holds a key in quotes" end
  if scheme == "bearer" then return token(words) end
  if scheme == "basic" then return basic_keys(words) end
  if #words == 2 and not words[2]:find(",", 1, true) then return { { text = words[2] } } end
  return { { text = table.concat(words, " ") } }
end

-- The keys in the value of a header that holds keys; none in an empty one.
local function key_in(name, value)
  value = text.text(text.stripped(value or ""))
  if value == "" then return {} end
  if is_unreadable(value) then
    return nil, "the " .. name .. " header holds a control character, or a blank that is neither space nor tab"
  end
  if name == "authorization" then return keys_of(value) end
  if value:find(",", 1, true) then return two(name) end
  if is_quoted(value) then return nil, "the " .. name .. " header holds a key in quotes" end
  return { { text = value } }
end

-- request: authorization, api_key, and named: the value of the header that options.key_header names.
local function sent_keys(request, options)
  if options.key_header then
    local found, why = key_in(options.key_header:lower(), request.named)
    if not found or found[1] then return found, why end
  end
  local found, why = key_in("authorization", request.authorization)
  if not found then return nil, why end
  local separate
  separate, why = key_in("x-api-key", request.api_key)
  if not separate then return nil, why end
  for _, key in ipairs(separate) do found[#found + 1] = key end
  return found
end

local function stands_for_a_key(key)
  return #key == 30 and key:find "^hk1_[a-z2-7]+$" or #key == 71 and key:find "^sha256:[0-9a-f]+$"
end

-- A client's key as the wire format takes it; longer ones, such as signed tokens, by their SHA-256. So is a key that
-- looks like a stored hash or like such a SHA-256, for it is a key and not what stands for one.
function M.short_key(key)
  if key == "" then return nil end
  local _, count = text.first_characters(key, LONGEST_KEY + 1)
  return (count > LONGEST_KEY or stands_for_a_key(key)) and text.sha256(key) or key
end

-- An account's id as the wire format takes it. nil, reason for one that Headcount gives to addresses and unknown keys.
function M.short_id(name)
  if name == "" then return nil end
  if name:find "^ip:" or name:find "^key:" then return nil, "an account's id may not begin with ip: or key:" end
  local _, count = text.first_characters(name, LONGEST_KEY + 1)
  return count > LONGEST_KEY and text.sha256(name) or name
end

local function is_jwt(key)
  if not key:find "^eyJ[%w_%-.]*$" then return false end
  local dots = select(2, key:gsub("%.", ""))
  return dots >= 2 and dots <= 4
end

-- Put into `who` what a check says of the keys that a client sent: key where there is one alone, else credentials,
-- which the sidecar chooses from; jwt if one looks like a JSON Web Token. Returns the reason for what cannot be read.
function M.read(request, options, who)
  local keys, why = sent_keys(request, options)
  if not keys then return why end
  local found, seen = {}, {}
  for _, key in ipairs(keys) do
    local one = { key = M.short_key(key.text), full = M.short_key(key.full or "") }
    local mark = one.key .. "\0" .. (one.full or "")
    if not seen[mark] then found[#found + 1] = one end
    seen[mark] = true
    who.jwt = who.jwt or is_jwt(key.text) or nil
  end
  if found[2] or (found[1] and found[1].full) then
    who.credentials = found
  elseif found[1] then
    who.key = found[1].key
  end
end

-- A caller's keys as text, for its name.
function M.name(who)
  local parts = { who.key or "" }
  for _, one in ipairs(who.credentials or {}) do
    parts[#parts + 1] = one.key
    parts[#parts + 1] = one.full or ""
  end
  return table.concat(parts, "\1")
end

return M
