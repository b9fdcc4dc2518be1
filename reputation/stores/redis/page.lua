-- A page of documents in the order of their ids, from an index that `commit.lua` keeps once it is there.
--
-- KEYS: documents, index. ARGV: 'after' or 'before', the id that the page goes on from (empty: an end), how many.
-- Answers id and document in turn; the last ones first where it goes back.

local AT_ONCE = 1000
local documents, index, bound = KEYS[1], KEYS[2], ARGV[2]

if redis.call('ZCARD', index) ~= redis.call('HLEN', documents) then
  redis.call('DEL', index)
  local ids = redis.call('HKEYS', documents)
  for first = 1, #ids, AT_ONCE do
    local words = {}
    for i = first, math.min(first + AT_ONCE - 1, #ids) do
      words[#words + 1] = 0
      words[#words + 1] = ids[i]
    end
    redis.call('ZADD', index, unpack(words))
  end
end

local ids
if ARGV[1] == 'after' then
  ids = redis.call('ZRANGEBYLEX', index, bound == '' and '-' or '(' .. bound, '+', 'LIMIT', 0, ARGV[3])
else
  ids = redis.call('ZREVRANGEBYLEX', index, bound == '' and '+' or '(' .. bound, '-', 'LIMIT', 0, ARGV[3])
end
local answer = {}
for _, id in ipairs(ids) do
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('HGET', documents, id)
end
return answer
