-- Who asks: the same rules as plugins/headers.py has for the gateways that Headcount reads itself.
-- Pure functions over header values; nil, reason is a request that must not pass (400).

local ffi = require "ffi"

local M = {}

local LONGEST_KEY = 256
local LONGEST_TEXT = 1024
local LONGEST_NAME = 512 -- bytes under which a worker keeps what it knows of a caller

ffi.cdef "unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);"

-- nginx brings libcrypto along; a bare interpreter has to load it
local function crypto()
  local there = pcall(function() return ffi.C.SHA256 end)
  return there and ffi.C or ffi.load "crypto"
end

local function sha256(text)
  local digest = ffi.new "unsigned char[32]"
  crypto().SHA256(text, #text, digest)
  local hex = {}
  for i = 0, 31 do hex[#hex + 1] = string.format("%02x", digest[i]) end
  return table.concat(hex)
end

local function stripped(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

-- One UTF-8 sequence at i: its length, or nil. Overlong forms and surrogates are no UTF-8 (RFC 3629).
local function sequence(text, i)
  local a, b = text:byte(i, i + 1)
  if a < 0x80 then return 1 end
  local length = (a >= 0xC2 and a <= 0xDF and 2) or (a >= 0xE0 and a <= 0xEF and 3) or (a >= 0xF0 and a <= 0xF4 and 4)
  if not length or not b then return nil end
  if (a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F) or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F) then
    return nil
  end
  for j = i + 1, i + length - 1 do
    local byte = text:byte(j)
    if not byte or byte < 0x80 or byte > 0xBF then return nil end
  end
  return length
end

-- The longest beginning of UTF-8 text that has at most so many characters.
local function first_characters(text, most)
  local i, count = 1, 0
  while i <= #text and count < most do
    i, count = i + sequence(text, i), count + 1
  end
  return text:sub(1, i - 1), count
end

-- Bytes of a header as text for JSON: UTF-8, else Latin-1 turned into UTF-8.
function M.text(value)
  if not value:find "[\128-\255]" then return value end
  local i = 1
  while i <= #value do
    local length = sequence(value, i)
    if not length then
      return (value:gsub("[\128-\255]", function(c)
        local byte = c:byte()
        return string.char(0xC0 + math.floor(byte / 64), 0x80 + byte % 64)
      end))
    end
    i = i + length
  end
  return value
end

local function shortened(value, most)
  if #value <= most then return value end
  return (first_characters(value, most))
end

-- A key as the wire format takes it; longer ones, such as signed tokens, by their SHA-256.
function M.short_key(key)
  if key == "" then return nil end
  local _, count = first_characters(key, LONGEST_KEY + 1)
  if count > LONGEST_KEY then return "sha256:" .. sha256(key) end
  return key
end

local function basic_key(credentials)
  local decoded = credentials:find "^[%w+/]+=?=?$" and #credentials % 4 == 0 and ngx.decode_base64(credentials)
  if not decoded then return credentials end
  local user, password = decoded:match "^([^:]*):?(.*)$"
  user, password = M.text(user), M.text(password)
  return password ~= "" and user .. ":" .. password or user
end

local function single(header, key)
  if key:find(",", 1, true) then return nil, "more than one " .. header .. " header" end
  return key
end

-- `Bearer KEY` and any other `Scheme KEY`: KEY. `Basic`: see basic_key. A bare KEY, or parameters: the whole value.
function M.authorization_key(value)
  local scheme, rest = value:match "^([^ ]*) ?(.*)$"
  local credentials = stripped(rest)
  if scheme:lower() == "basic" then
    local one, why = single("authorization", credentials)
    if not one then return nil, why end
    return basic_key(one)
  elseif scheme:lower() == "bearer" then
    local one, why = single("authorization", credentials)
    if not one then return nil, why end
    return one ~= "" and one or value
  end
  return credentials ~= "" and not credentials:find "[ ,]" and credentials or value
end

-- The key in Authorization, else in X-Api-Key; two that differ are refused, because the API might read the other one.
function M.api_key(authorization, separate)
  authorization = M.text(stripped(authorization or ""))
  separate = M.text(stripped(separate or ""))
  local key, why = single("x-api-key", separate)
  if not key then return nil, why end
  if authorization ~= "" then
    key, why = M.authorization_key(authorization)
    if not key then return nil, why end
  end
  if separate ~= "" and key ~= separate then return nil, "Authorization and X-Api-Key hold different keys" end
  return M.short_key(key)
end

-- The client's address: `hops` places from the right of X-Forwarded-For with the peer's own behind it. A shorter list
-- was written by trusted proxies alone: its leftmost. nil where that place holds no address.
function M.address(forwarded, peer, hops)
  if hops <= 1 or not forwarded or forwarded == "" then return peer end
  local list = {}
  for hop in (forwarded .. "," .. peer .. ","):gmatch "([^,]*)," do list[#list + 1] = stripped(hop) end
  local hop = list[math.max(#list - hops + 1, 1)]
  local bare = hop:match "^%[([^%]]*)%]" or hop
  if select(2, bare:gsub(":", "")) == 1 then bare = bare:match "^[^:]*" end
  return bare:find "^[%x:.]+$" and #bare <= 45 and bare or nil
end

-- A user agent as the wire format takes it.
function M.user_agent(value) return value and shortened(M.text(value), LONGEST_TEXT) end

-- request: authorization, api_key, account, forwarded, peer, ja4 as they came, nil for what did not. With an account, or
-- a header configured for it, keys do not count.
-- Returns the caller: account (or key), ip, ja4, and name, which stands for the leased key.
function M.read(request, options)
  local who = { ip = M.address(request.forwarded, request.peer, options.trusted_hops) }
  if request.ja4 and request.ja4 ~= "" and request.ja4 ~= "-" then
    who.ja4 = shortened(M.text(request.ja4), LONGEST_KEY)
  end
  local why
  if options.account_header or request.account then
    who.account = M.short_key(M.text(stripped(request.account or "")))
  else
    who.key, why = M.api_key(request.authorization, request.api_key)
    if why then return nil, why end
  end
  if not (who.account or who.key or who.ip) then return nil, "neither a key nor an address" end
  local parts = { options.tenant, who.account or "", who.key or "", who.ip or "", who.ja4 or "" }
  who.name = ngx.sha1_bin(table.concat(parts, "\0"))
  return who
end

-- What names a caller before it is read; nil for what is too long to be kept. No header holds a \0.
function M.key(request)
  local key = (request.authorization or "") .. "\0" .. (request.forwarded or "") .. "\0" .. (request.peer or "")
  if request.api_key or request.account or request.ja4 then
    key = key .. "\0" .. (request.api_key or "") .. "\0" .. (request.account or "") .. "\0" .. (request.ja4 or "")
  end
  return #key <= LONGEST_NAME and key or nil
end

return M
