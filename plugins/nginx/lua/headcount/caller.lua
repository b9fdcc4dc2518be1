-- Who asks: the same rules as plugins/headers.py has for the gateways that Headcount reads itself.
-- Pure functions over header values; nil, reason is a request that must not pass (400).

local keys = require "headcount.keys"
local text = require "headcount.text"

local M = {}

local LONGEST_KEY = 256
local LONGEST_TEXT = 1024
local NO_ADDRESS = "unknown" -- RFC 7239's word; all requests that it stands in share one allowance for unknown keys

local function bare_address(hop)
  hop = hop:match '^"(.*)"$' or hop
  hop = hop:match "^%[([^%]]*)" or hop
  local _, colons = hop:gsub(":", "")
  if colons == 1 then return hop:match "^[^:]*" end
  return colons > 1 and hop:match "^[^%%]*" or hop
end

-- The client's address: `hops` places from the right of X-Forwarded-For with the peer's own behind it. A shorter list
-- was written by trusted proxies alone: its leftmost. Where that place holds no address, it is the client's doing.
function M.address(forwarded, peer, hops)
  if hops <= 1 or not forwarded or forwarded == "" then return peer end
  local list = {}
  for hop in (forwarded .. "," .. peer .. ","):gmatch "([^,]*)," do list[#list + 1] = text.stripped(hop) end
  local bare = bare_address(list[math.max(#list - hops + 1, 1)])
  return bare:find "^[%x:.]+$" and #bare <= 45 and bare or NO_ADDRESS
end

-- A user agent as the wire format takes it.
function M.user_agent(value)
  return value and text.shortened(text.text(text.stripped(value)), LONGEST_TEXT)
end

-- request: authorization, api_key, named (by key_header), account, forwarded, peer, ja4 as they came, nil for what did
-- not. With an account, or a header configured for it, keys do not count.
-- Returns the caller: account (else what keys.read says of its keys), ip, ja4, and name, which stands for the leased key.
function M.read(request, options)
  local who = { ip = M.address(request.forwarded, request.peer, options.trusted_hops) }
  if request.ja4 and request.ja4 ~= "" and request.ja4 ~= "-" then
    who.ja4 = text.shortened(text.text(request.ja4), LONGEST_KEY)
  end
  local why
  if options.account_header or request.account then
    who.account, why = keys.short_id(text.text(text.stripped(request.account or "")))
  else
    why = keys.read(request, options, who)
  end
  if why then return nil, why end
  if not (who.account or who.key or who.credentials) and (who.ip or NO_ADDRESS) == NO_ADDRESS then
    return nil, "neither a key nor an address"
  end
  local parts = { options.tenant, who.account or "", keys.name(who), who.ip or "", who.ja4 or "" }
  who.name = ngx.sha1_bin(table.concat(parts, "\0"))
  return who
end

-- What names a caller before it is read, as $headcount_key of nginx-leases.conf has it. No header holds a line break.
function M.fixed(authorization, api_key, peer) return (authorization or "") .. "\n" .. (api_key or "") .. "\n" .. (peer or "") end

return M
