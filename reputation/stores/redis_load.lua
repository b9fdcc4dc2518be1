-- What is kept of accounts, and of the owners of keys.
--
-- KEYS: owners, then accounts. ARGV: keyed hashes of keys. Answers {number, facts, against, in favour} of every account,
-- then {name, number, facts, against, in favour} of every key's owner; {false} where nobody owns it. number: that of
-- the account's last change.

local answer = {}
local function kept(key)
  local found = redis.call('HMGET', key, 'n', 'f', 'm', 'g')
  return {tonumber(found[1] or 0), found[2], found[3], found[4]}
end
for i = 2, #KEYS do
  answer[#answer + 1] = kept(KEYS[i])
end
for _, digest in ipairs(ARGV) do
  local owner = redis.call('HGET', KEYS[1], digest)
  if owner then
    local named = cmsgpack.unpack(owner)
    local found = kept(named[2])
    table.insert(found, 1, named[1])
    answer[#answer + 1] = found
  else
    answer[#answer + 1] = {false}
  end
end
return answer
