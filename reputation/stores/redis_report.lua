-- Let an outcome mark its account.
--
-- KEYS: account, changes, clock. ARGV: what to note, seconds that marks alone are kept, most marks, against, in favour.
-- Answers the number of the change.

for place, field in ipairs({'m', 'g'}) do
  local marks = tonumber(redis.call('HGET', KEYS[1], field) or 0) + tonumber(ARGV[3 + place])
  redis.call('HSET', KEYS[1], field, math.min(marks, tonumber(ARGV[3])))
end
if redis.call('HEXISTS', KEYS[1], 'f') == 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return note(KEYS[2], KEYS[3], ARGV[1])
