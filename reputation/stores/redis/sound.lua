-- Every script begins with this: what is damaged in Redis is left out, noted, and never stops a script half way.
--
-- A key of another type than ours is dropped, because nothing of ours can be in it. So is a counter that is no number, and
-- a stream whose last id leaves no room. What was found is in the tenant's set `damaged`, until a replica names it.

local server, msgpack, packing = redis, cmsgpack, struct
local NOTED, NOTED_FOR = 100, 3600
local broken = {}

local function damage(key)
  broken[key] = true
  local tenant = string.match(key, '^hc%d+:{[^}]*}:')
  if not tenant then return end
  local noted = tenant .. 'damaged'
  local many = server.pcall('SCARD', noted)
  if type(many) == 'number' and many < NOTED then
    server.pcall('SADD', noted, key)
    server.pcall('EXPIRE', noted, NOTED_FOR)
  end
end

-- commands of which an error says that what is kept is damaged: the words, and what drops it
local CURES = {
  HINCRBY = {{'not an integer', 'overflow'}, function(key, field) server.call('HDEL', key, field) end},
  XADD = {{'smaller than', 'exhausted'}, function(key) server.call('DEL', key) end},
}
local WRONG_TYPE = {{'WRONGTYPE'}, function(key) server.call('DEL', key) end}

local function says(answer, cure)
  for _, words in ipairs(cure[1]) do
    if string.find(answer.err, words, 1, true) then return true end
  end
  return false
end

local redis = setmetatable({
  call = function(...)
    local answer = server.pcall(...)
    if type(answer) ~= 'table' or not answer.err then return answer end
    local command, key, field = ...
    for _, cure in ipairs({WRONG_TYPE, CURES[command]}) do
      if says(answer, cure) then
        damage(key)
        cure[2](key, field)
      end
    end
    return server.call(...)
  end,
}, {__index = server})

-- an empty table for what is no table
local cmsgpack = {
  pack = msgpack.pack,
  unpack = function(value)
    local read, found = pcall(msgpack.unpack, value)
    return read and type(found) == 'table' and found or {}
  end,
}

local function where(read, ...)
  if read then return ... end
end

-- nil for what is too short
local struct = {
  pack = packing.pack,
  unpack = function(format, value, from) return where(pcall(packing.unpack, format, value, from or 1)) end,
}

-- a whole number that is kept as text; 0 for none, and for what is no such number
local function whole_of(text)
  local number = text and #text < 16 and tonumber(text)
  return number and number >= 0 and number == math.floor(number) and number or 0
end

-- the version of a document; 0 for none, and for what is no document
local function version_of(document)
  local version = document and struct.unpack('<d', document) or 0
  if version >= 0 and version < 2 ^ 53 and version == math.floor(version) then return version end
  return 0
end
