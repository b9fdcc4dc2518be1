-- A batch of asks on the token buckets of one tenant, in order, each all or none: reputation/limits/take.py in Lua.
--
-- KEYS[1]  receipt of the caller's lane: the number of its last batch and what was answered
-- KEYS[2…] buckets, then leases, holds and requests; the asks number each of the two kinds from 1
-- ARGV[1]  number of this batch; a lane's numbers only grow
-- ARGV[2]  msgpack: {clock or -1, slack, number of buckets, {rate, burst, most, …}, asks}; absent: void a batch that no
--          caller waits for
--
-- Numbers go both ways in msgpack and are kept packed, so that a double stays what it is to the last digit.
-- A limit is a place in the list of (rate, burst, most); most: the largest burst that this replica knows of.
-- A plain ask, one draw that only takes, is so many numbers in the list of asks: cost, how many buckets, and (bucket,
-- limit) of each. Any other ask is a table: {cost, {bucket, limit, …}, draws, owes, settlements, want, share, reserve,
-- seconds, holder, once, print, verdict, group, stopped, roomy}; a draw is a list of places in the ask's own buckets;
-- group: how many asks from this one on take all or none, 0 for the others; roomy: how many of the first draws lease
-- more than one token; a negative one: so many of them lease, and the others lease nothing.
-- The answer is flat: clock, then for every ask the draw that paid (0: none did), the tokens of its lease, (tokens, at)
-- of each of its buckets as they were before the take, and what each settlement was charged in the end, or why it was
-- not (NOT_OPEN, TOO_MUCH, FOREIGN).

local number = tonumber(ARGV[1])
local LONGEST = 30 * 86400  -- of a bucket that never fills, in seconds
local RECEIPT = 3600 * 1000
local ONCE = 60 * 1000
local CLASH = -1000
local NOT_OPEN, TOO_MUCH, FOREIGN = -1, -2, -3
local WHOLE = 2 ^ 53  -- every whole number below is exact
local MOST, LATEST = 1e15, 1e11

-- the same batch again, because its answer was lost on the way: it is answered again, not carried out
local last = redis.call('GETRANGE', KEYS[1], 0, 7)
if #last > 0 then
  local done = #last == 8 and struct.unpack('<d', last) or -1
  if done ~= math.floor(done) or done < 0 or done > WHOLE then
    damage(KEYS[1])
  elseif done >= number then
    return done == number and redis.call('GETRANGE', KEYS[1], 8, -1) or redis.error_reply('STALE a later batch came first')
  end
end
if not ARGV[2] then
  redis.call('SET', KEYS[1], struct.pack('<d', number), 'PX', RECEIPT)
  return ''
end

local input = cmsgpack.unpack(ARGV[2])
local now, slack, count, limits, asks = input[1], input[2], input[3], input[4], input[5]
if now < 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local buckets = {} -- by place
local others = 1 + count -- the key before that of the first lease, hold or request
local values = {} -- of buckets, as they are kept
local AT_ONCE = 1000

for from = 1, count, AT_ONCE do
  local found = redis.call('MGET', unpack(KEYS, from + 1, math.min(from + AT_ONCE, count + 1)))
  if count <= AT_ONCE then
    values = found
  else
    for i, value in ipairs(found) do values[from + i - 1] = value end
  end
end

-- the one place where time enters a bucket: the server's clock may have been set back, or another server's be behind
local function settled(bucket)
  if bucket.at > now then bucket.at, bucket.changed = now, true end
  local tokens = bucket.tokens + (now - bucket.at) * bucket.rate
  if tokens < bucket.burst then return tokens end
  return bucket.burst
end

local function put(bucket, tokens)
  bucket.tokens, bucket.at, bucket.changed = tokens, now, true
end

local function least(a, b)
  if b < a then return b end
  return a
end

local function refund(bucket, amount)
  local tokens = settled(bucket) + amount
  if tokens > bucket.burst and bucket.most > bucket.burst then
    bucket.withheld = least(bucket.withheld + (tokens - bucket.burst), bucket.most - bucket.burst)
  end
  put(bucket, least(tokens, bucket.burst))
end

-- tokens above a smaller burst are withheld until it grows again; most: the largest burst until then
local function change_limit(bucket, rate, burst)
  local tokens, before = settled(bucket), bucket.burst
  if burst > before then
    local back = least(bucket.withheld, burst - before)
    tokens, bucket.withheld = tokens + back, bucket.withheld - back
  elseif tokens > burst then
    bucket.withheld = bucket.withheld + (tokens - burst)
  end
  put(bucket, least(tokens, burst))
  bucket.rate, bucket.burst = rate, burst
  if bucket.most <= burst then
    bucket.most, bucket.withheld = burst, 0
  else
    bucket.withheld = least(bucket.withheld, bucket.most - burst)
  end
end

-- The time until which a bucket is kept: when it is full, and `slack` more, at the next whole STEP. Nil for a bucket that
-- goes by another rule, see the end. Writing a bucket whose time is the one that it had leaves its expiry alone. Releases
-- without STEP set that time without rounding; theirs may be too early by a STEP, so `slack` has to be more than that.
local STEP = 32
local function kept_until(bucket)
  if bucket.rate <= 0 or bucket.most > bucket.burst then return nil end
  local seconds = (bucket.burst - bucket.tokens) / bucket.rate + slack
  return seconds <= LONGEST and math.ceil((bucket.at + seconds) / STEP) * STEP or nil
end

-- A bucket that cannot be read is empty: damage gives no advantage. NaN fails each comparison.
local function read(key, value)
  if value and (#value == 32 or #value == 48) then
    local tokens, at, rate, burst = packing.unpack('<dddd', value)
    local withheld, most = 0, burst
    if #value == 48 then withheld, most = packing.unpack('<dd', value, 33) end
    if most >= burst and most < MOST and withheld >= 0 and withheld <= most - burst and tokens <= burst and tokens > -MOST and at >= 0 and at < LATEST and rate >= 0 and rate < MOST and burst < MOST and burst > 1e-9 then
      local bucket = {tokens = tokens, at = at, rate = rate, burst = burst, withheld = withheld, most = most, expires = nil}
      bucket.expires = kept_until(bucket)
      return bucket
    end
  end
  damage(key)
  return {tokens = 0, at = now, rate = 0, burst = 0, withheld = 0, most = 0, changed = true}
end

-- a bucket that is kept, or nil: unused for as long as it takes to fill. MGET says of a key of another type that there
-- is none, and GET that it is damaged
local function kept(key, value)
  value = value or redis.call('GET', key)
  if not value and not broken[key] then return nil end
  return read(key, value)
end

local places, total = nil, count -- of buckets by key, those too that only a lease or hold names
local further = {} -- keys of such buckets, by place

local function find_kept(key)
  if places == nil then
    places = {}
    for place = 1, count do places[KEYS[place + 1]] = place end
  end
  local place = places[key]
  if place == nil then
    total = total + 1
    place, places[key], further[total] = total, total, key
  end
  if buckets[place] == nil then buckets[place] = kept(key, values[place]) end
  return buckets[place]
end

local function find(place, limit)
  local bucket, rate, burst = buckets[place], limits[limit], limits[limit + 1]
  if bucket == nil then
    local key = KEYS[place + 1]
    bucket = kept(key, values[place])
    if bucket == nil then
      local most = limits[limit + 2]
      bucket = {tokens = burst, at = now, rate = rate, burst = burst, withheld = most - burst, most = most, changed = false}
    end
    buckets[place] = bucket
  end
  if bucket.rate ~= rate or bucket.burst ~= burst then change_limit(bucket, rate, burst) end
  return bucket
end

-- what is reserved under a key: {charged in the end or -1, amount, holder, buckets…}; nil if nothing is
local function reserved(key)
  local value = redis.call('GET', key)
  if not value then return nil end
  local found = cmsgpack.unpack(value)
  if type(found[1]) == 'number' and type(found[2]) == 'number' and type(found[3]) == 'string' then return found end
  damage(key)
  redis.call('DEL', key)
  return nil
end

-- why a settlement {reserve, used, debt, overrun, holders} is refused, or nil, and what is reserved
local function refusal(settlement)
  local found = reserved(KEYS[others + settlement[1]])
  if not found then return NOT_OPEN end
  if found[1] >= 0 then return nil, found end
  if settlement[3] then return settlement[2] > found[2] * settlement[4] and TOO_MUCH or nil, found end
  local holders = settlement[5]
  for _, holder in ipairs(holders) do
    if holder == found[3] then return nil, found end
  end
  return #holders > 0 and FOREIGN or nil, found
end

-- what was reserved is settled once; a settled one stays until it expires, to tell the same again
local function settle(settlement)
  local why, found = refusal(settlement)
  if why then return why end
  local key, used = KEYS[others + settlement[1]], settlement[2]
  if found[1] >= 0 then return found[1] end
  local amount = found[2]
  found[1] = settlement[3] and used or least(used, amount)
  for i = 4, #found do
    local bucket = type(found[i]) == 'string' and find_kept(found[i])
    if bucket then refund(bucket, amount - found[1]) end
  end
  redis.call('SET', key, cmsgpack.pack({found[1], amount, found[3]}), 'KEEPTTL')
  return found[1]
end

-- settle all of them; where they stand alone (no check comes with them) nothing if one is refused, but a lease that is
-- not open is none of the others' business
local function settle_all(settlements, alone)
  local charged, refused = {}, false
  for i, settlement in ipairs(settlements) do
    local why = alone and refusal(settlement)
    refused = refused or (why and (settlement[3] or why == FOREIGN))
    charged[i] = why or NOT_OPEN
  end
  if refused then return charged end
  for i, settlement in ipairs(settlements) do charged[i] = settle(settlement) end
  return charged
end

local function holds(mine, draw, cost)
  for _, place in ipairs(draw) do
    if settled(mine[place]) < cost then return false end
  end
  return true
end

local function spend(mine, draw, cost)
  for _, place in ipairs(draw) do
    local bucket = mine[place]
    put(bucket, settled(bucket) - cost)
  end
end

local function lease(mine, draw, share, want)
  local remaining = math.huge
  for _, place in ipairs(draw) do remaining = least(remaining, settled(mine[place])) end
  if remaining < 1 then return 0 end
  local part = math.floor(remaining * share)
  if part < 1 then part = 1 end
  return least(want, part)
end

local function reserve(ask, draw, amount)
  local record = {-1, amount, ask[10]}
  for _, place in ipairs(draw) do record[#record + 1] = KEYS[ask[2][2 * place - 1] + 1] end
  redis.call('SET', KEYS[others + ask[8]], cmsgpack.pack(record), 'PX', math.ceil(ask[9] * 1000))
end

-- a request that any replica has let through within a minute is not charged again: the draw that paid, negative; its id
-- in the name of another request is a clash. What stays for over a minute was noted before the clock was set back
local function repeated(ask)
  if ask[11] == 0 then return nil end
  local value = redis.call('GET', KEYS[others + ask[11]])
  if not value or redis.call('PTTL', KEYS[others + ask[11]]) > ONCE then return nil end
  local first = cmsgpack.unpack(value)
  if not ask[3][first[1]] or type(first[2]) ~= 'string' then
    damage(KEYS[others + ask[11]])
    return nil
  end
  return first[2] == ask[12] and -first[1] or CLASH
end

local answer = {now}

local function buckets_of(ask)
  local named, mine = ask[2], {}
  for i = 1, #named, 2 do mine[#mine + 1] = find(named[i], named[i + 1]) end
  return mine
end

-- take what an ask of a group costs, or say that it stops its request; one that only looks stops where one unit would
local function try(ask)
  local mine, cost = buckets_of(ask), ask[1]
  for _, draw in ipairs(ask[3]) do
    if holds(mine, draw, cost) then
      spend(mine, draw, cost)
      return cost > 0 or holds(mine, draw, 1)
    end
  end
  return false
end

-- whether all asks of a group would take, those that only look first; what they took is put back
local function passes(first, last)
  local before = {}
  for i = first, last do
    for _, bucket in ipairs(buckets_of(asks[i])) do
      settled(bucket)
      before[bucket] = before[bucket] or {bucket.tokens, bucket.at, bucket.changed}
    end
  end
  local passed = true
  for _, looks in ipairs({true, false}) do
    for i = first, last do
      if passed and (asks[i][1] == 0) == looks then passed = try(asks[i]) end
    end
  end
  for bucket, was in pairs(before) do bucket.tokens, bucket.at, bucket.changed = was[1], was[2], was[3] end
  return passed
end

-- stopped: its group does not pass, so nothing is taken
local function carry_out(ask, stopped)
  local cost, draws = ask[1], ask[3]
  local mine = buckets_of(ask)
  local charged = settle_all(ask[5], #draws == 0) -- once the limits are those of now, as in an embedded take
  local head = #answer
  answer[head + 1], answer[head + 2] = 0, 0
  for i, bucket in ipairs(mine) do
    answer[head + 1 + 2 * i], answer[head + 2 + 2 * i] = bucket.tokens, bucket.at
  end
  for _, amount in ipairs(charged) do answer[#answer + 1] = amount end
  if stopped then
    for _, bucket in ipairs(mine) do settled(bucket) end
    return
  end
  local before = repeated(ask)
  if before then
    answer[head + 1] = before
    return
  end
  for chosen, draw in ipairs(draws) do
    if ask[4] then
      for _, place in ipairs(draw) do refund(mine[place], -cost) end
    elseif holds(mine, draw, cost) then
      spend(mine, draw, cost)
      answer[head + 1] = chosen
      if ask[11] > 0 then
        redis.call('SET', KEYS[others + ask[11]], cmsgpack.pack({chosen, ask[12], ask[13]}), 'PX', ONCE)
      end
      local want = ask[6]
      if want > 0 then
        if chosen > math.abs(ask[16]) then want = ask[16] < 0 and 0 or 1 end
        local granted = lease(mine, draw, ask[7], want)
        if granted > 0 then
          spend(mine, draw, granted)
          reserve(ask, draw, granted)
          answer[head + 2] = granted
        end
      elseif ask[8] > 0 then
        reserve(ask, draw, cost)
      end
      return
    end
  end
  for _, bucket in ipairs(mine) do settled(bucket) end -- as the reader of the answer does, to compute the wait
end

-- a plain ask, and where the next one begins
local mine = {}
local function carry_out_plain(from)
  local cost, many, enough = asks[from], asks[from + 1], true
  local head = #answer + 1
  answer[head], answer[head + 1] = 0, 0
  for i = 1, many do
    local bucket = find(asks[from + 2 * i], asks[from + 2 * i + 1])
    mine[i] = bucket
    answer[head + 2 * i], answer[head + 2 * i + 1] = bucket.tokens, bucket.at
    enough = settled(bucket) >= cost and enough
  end
  if enough then
    answer[head] = 1
    for i = 1, many do put(mine[i], settled(mine[i]) - cost) end
  end
  return from + 2 * many + 2
end

local at, last, stopped = 1, 0, false
while at <= #asks do
  local ask = asks[at]
  if type(ask) == 'number' then
    at = carry_out_plain(at)
  else
    if ask[14] > 0 then
      last = at + ask[14] - 1
      stopped = ask[15] or not passes(at, last)
    end
    carry_out(ask, at <= last and stopped)
    at = at + 1
  end
end

-- A bucket is kept until it is full again, and a little longer: then it is the same as none. One in debt stays. One with
-- a smaller limit than before is kept until it would be full at the larger one, or for LONGEST.
local function write(key, bucket)
  local value = packing.pack('<dddd', bucket.tokens, bucket.at, bucket.rate, bucket.burst)
  if bucket.most > bucket.burst then value = value .. packing.pack('<dd', bucket.withheld, bucket.most) end
  local seconds, expires = LONGEST, kept_until(bucket)
  if expires then
    if expires == bucket.expires then return server.call('SET', key, value, 'KEEPTTL') end
    seconds = expires - now
  elseif bucket.rate > 0 then
    seconds = least((bucket.most - bucket.withheld - bucket.tokens) / bucket.rate, LONGEST)
    seconds = math.max(seconds, (bucket.burst - bucket.tokens) / bucket.rate) + (bucket.at - now) + slack
  end
  server.call('SET', key, value, 'PX', math.ceil(least(seconds, 100 * LONGEST) * 1000))
end

for place = 1, total do
  local bucket = buckets[place]
  if bucket and bucket.changed and bucket.burst < math.huge then write(further[place] or KEYS[place + 1], bucket) end
end

local packed = cmsgpack.pack(answer)
redis.call('SET', KEYS[1], struct.pack('<d', number) .. packed, 'PX', RECEIPT)
return packed
