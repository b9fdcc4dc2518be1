-- Append an entry of notes, and drop the oldest entries where all of them would be too much.
--
-- KEYS: stream, totals, number of the last entry that this replica appended. ARGV: number of this entry, notes in it,
-- most bytes, most entries, seconds until unused data is gone, data. Answers 1; 0 for an entry that is there.
--
-- Each entry says how many notes and bytes were ever appended until it, itself included: so who reads can tell what was
-- dropped, and here the size of the whole stream is known without counting.

if (tonumber(redis.call('GET', KEYS[3]) or 0) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[3], ARGV[1], 'EX', 3600)

local most = tonumber(ARGV[3])
local function whole(number) return string.format('%.0f', number) end

local notes = redis.call('HINCRBY', KEYS[2], 'notes', ARGV[2])
local bytes = redis.call('HINCRBY', KEYS[2], 'bytes', #ARGV[6])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*',
  'upto', whole(notes), 'notes', ARGV[2], 'bytes', whole(bytes), 'data', ARGV[6])
while true do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first then break end
  local upto, data = tonumber(first[2][6]), first[2][8]
  if not upto or not data then damage(KEYS[1]) elseif bytes - (upto - #data) <= most then break end
  redis.call('XDEL', KEYS[1], first[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
