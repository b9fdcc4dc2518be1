-- The gate in nginx's own phases: variables in, variables out; nginx-leases.conf says where they go.
--
-- A request that passes on a lease should cost little more than a look into a table, so nothing is read or written that
-- the configuration does not use: `$headcount_key` is one variable for all that names a caller, and a variable that no
-- `set` declares is not filled. A configuration without `$headcount_key` works, and costs more.

local caller = require "headcount.caller"
local verdicts = require "headcount.verdicts"

local M = {}

local LONGEST_NAME = 512 -- bytes under which a worker keeps what it knows of a caller
local BREAK = 10 -- what parts the headers of $headcount_key: no header holds a line break
local TOLD = { "verdict", "tier", "risk", "cluster", "actions", "policy", "left" }
local FOR_CLIENT = { verdict = "X-Headcount-Verdict", policy = "RateLimit-Policy", left = "RateLimit" }
local EXPOSED = "Retry-After, RateLimit, RateLimit-Policy, X-Headcount-Verdict"

local function variable_of(header) return header and "http_" .. header:lower():gsub("-", "_") end

-- What the configuration declares, found out at a worker's first request: the variables to fill, the header lines that
-- a stop gets from here because no `add_header` writes them, and whether the pages that may read a stop are named.
local function declared(var)
  local found = { names = {}, variables = {}, headers = {}, any = false, left = false, origin = var.headcount_cors == nil }
  for _, name in ipairs(TOLD) do
    local variable = "headcount_" .. name
    if var[variable] == nil then
      found.headers[name] = FOR_CLIENT[name]
    elseif name == "left" then
      found.left, found.any = true, true
    else
      found.names[#found.names + 1], found.variables[#found.variables + 1] = name, variable
      found.any = true
    end
  end
  return found
end

local function fill(var, told, kept, used, now)
  for i = 1, #told.names do
    local value = kept[told.names[i]]
    if value then var[told.variables[i]] = value end
  end
  if told.left and kept.policy then var.headcount_left = verdicts.left(kept, used, now) end
end

local function answer(status, retry_after)
  local body = verdicts.problem(status)
  ngx.status = status
  ngx.header["Content-Type"] = "application/problem+json"
  ngx.header["Content-Length"] = #body
  if status ~= 400 then ngx.header["Retry-After"] = retry_after end
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

local function is_preflight(var, key)
  return key:byte() == BREAK and ngx.req.get_method() == "OPTIONS" and var.headcount_preflight == "yes"
end

-- Answer a stop; `kept` is what the verdict says, if there is one.
local function stop(var, told, status, kept, used, now)
  if kept then
    local left = verdicts.left(kept, used, now)
    for name, header in pairs(told.headers) do ngx.header[header] = name == "left" and left or kept[name] end
  end
  local origin = told.origin and var.headcount_origin
  if origin and origin ~= "" then
    ngx.header["Access-Control-Allow-Origin"] = origin
    ngx.header["Access-Control-Expose-Headers"] = EXPOSED
  end
  return answer(status, kept and verdicts.retry_after(kept, now))
end

-- A function for access_by_lua, which lets the request pass or answers it. A preflight passes unjudged: the map of
-- $headcount_preflight says what is one.
function M.access(gate)
  local options = gate.options
  local account, ja4 = variable_of(options.account_header), variable_of(options.ja4_header)
  local named = variable_of(options.key_header)
  local configured = account or ja4 or named
  local behind_proxies = options.trusted_hops > 1
  local told, whole
  local warned = false

  local function read(var)
    return {
      authorization = var.http_authorization,
      api_key = var.http_x_api_key,
      named = named and var[named] or nil,
      account = account and var[account] or nil,
      forwarded = behind_proxies and var.http_x_forwarded_for or nil,
      peer = var.remote_addr,
      ja4 = ja4 and var[ja4] or nil,
    }
  end

  -- Headers that only some configurations read.
  local function further(var)
    local found = behind_proxies and "\n" .. (var.http_x_forwarded_for or "") or ""
    if not configured then return found end
    return found .. "\n" .. (account and var[account] or "") .. "\n" .. (ja4 and var[ja4] or "")
      .. "\n" .. (named and var[named] or "")
  end

  -- $headcount_key may have these headers too, and is then all there is to read. No header holds a line break, so their
  -- number says what it has.
  local function is_whole(var)
    local _, breaks = (var.headcount_key or ""):gsub("\n", "")
    return breaks == 2 + (behind_proxies and 1 or 0) + (configured and 3 or 0)
  end

  -- Else they are added here, so that no line of the configuration can forget them.
  local function key_of(var)
    if whole then return var.headcount_key end
    local key = var.headcount_key or caller.fixed(var.http_authorization, var.http_x_api_key, var.remote_addr)
    if whole == nil then
      whole = is_whole(var)
      if whole then return key end
    end
    return key .. further(var)
  end

  -- What a worker may keep this caller under: nil if it is too long, or if $headcount_key is not what it has to be.
  local function lasting(var, key, request)
    local expected = caller.fixed(request.authorization, request.api_key, request.peer)
    if var.headcount_key and var.headcount_key ~= (whole and expected .. further(var) or expected) then
      if not warned then
        ngx.log(ngx.ERR, "headcount: $headcount_key is not what nginx-leases.conf has; it is not used")
      end
      warned = true
      return nil
    end
    return #key <= LONGEST_NAME and key or nil
  end

  -- What is known of the caller without waiting. A trace of its own: nothing rare is called from here.
  local function look()
    local var = ngx.var
    local key = key_of(var)
    return var, key, gate:known(key, ngx.now())
  end

  -- Decide about a request that is not known. nil if it is refused; else what to tell of it, and how many tokens of its
  -- lease are used.
  local function decide(var, key)
    local request = read(var)
    local who = caller.read(request, options)
    if not who then return nil end
    who.key_here = lasting(var, key, request)
    return gate:decide(who, var.http_user_agent)
  end
  if jit then jit.off(decide) end -- else the way of a request that is known is compiled as a branch of this one

  local function access()
    local var, key, kept, used, renewable = look()
    if not kept and is_preflight(var, key) then return end
    if not kept then
      kept, used = decide(var, key)
    elseif renewable then
      gate:renew_early(kept, key, var.http_user_agent, used, ngx.now())
    end
    told = told or declared(var)
    if not kept then return stop(var, told, 400) end
    if told.any then fill(var, told, kept, used, ngx.now()) end
    if used == 0 and kept.status then return stop(var, told, kept.status, kept, used, ngx.now()) end
  end
  return access
end

return M
