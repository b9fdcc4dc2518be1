-- What is kept of accounts, and of the owners of keys.
--
-- KEYS: owners, then accounts. ARGV: keyed hashes of keys. Answers {facts, against, in favour} of every account, then
-- {name, facts, against, in favour} of every key's owner; {false} where nobody owns it.

local answer = {}
for i = 2, #KEYS do
  answer[#answer + 1] = redis.call('HMGET', KEYS[i], 'f', 'm', 'g')
end
for _, digest in ipairs(ARGV) do
  local owner = redis.call('HGET', KEYS[1], digest)
  if owner then
    local named = cmsgpack.unpack(owner)
    local found = redis.call('HMGET', named[2], 'f', 'm', 'g')
    answer[#answer + 1] = {named[1], found[1], found[2], found[3]}
  else
    answer[#answer + 1] = {false}
  end
end
return answer
