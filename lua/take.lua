-- Takes from all buckets of a call, or from none of them.
--
-- KEYS  1: the call's record. Then for each bucket, in the order of ARGV:
--       rate: one key, a string: when the bucket is full again (microseconds since 2026, '%.17g').
--       concurrency, budget: two keys, a hash (`held`, a budget's `spent` too) and a sorted set of what calls hold
--       (`amount:call id`, scored by when it lapses).
--       All of them carry one hash tag: a Cluster keeps them on one node.
-- ARGV  1: `redis`, the clock of the server; or `caller-clock:<microseconds since 1970>`, for tests alone.
--       2: the call's id. 3: ms after which what the call holds lapses (renew.lua puts that off), 1 to a day.
--       Then seven for each bucket:
--       kind (`rate`, `concurrency`, `budget`); `must` or `dry` (never refuses, is counted where it fits); the amount wanted; the
--       least that will do (the amount itself: all or nothing; less: as much as there is); and
--         rate: burst, count, period in microseconds: holds `burst`, refills `count` a period;
--         concurrency: the most held at once, 0, 0;
--         budget: the amount of a period, the period's first ms and the first ms after it (since 1970).
--       Amounts are whole, from 0 to 2^53-1. To ask for 0 is never refused.
-- Returns integers: status, place, ms of the clock, then five for each bucket.
--       status  1 taken; 2 taken before by this call: the first verdict again, and nothing more is charged; 0 refused, nothing taken:
--               a later take of the call is a new one; -1 the call's settle came first: nothing taken; -2 the clock is outside of
--               the period of the budget at `place`: nothing taken, nothing follows.
--       place   of the bucket that refused, from 0; of several the one with the longest wait. -1: none did.
--       bucket  granted; remaining (never below 0); ms until it is full (a budget: until its period ends; concurrency: 0);
--               ms until the least may be there (0: it is; -1: never, it is more than the bucket holds);
--               why it was not there: 0 it was, 1 rate, 2 concurrency, 3 money that other calls hold, 4 money that is spent.
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then.
--
-- Every key expires: a rate when it is full, a call's record and what it holds with the lease, a budget an hour after its period.
-- A rate may be in debt (settle.lua), by one burst at most: a bucket further from full than two bursts is of a clock that went back or
-- of a larger limit, and counts as two bursts away. Redis 6.2 and later; effects are replicated, so a replica never looks at a clock of its own.
-- Stands behind common.lua.

if #ARGV < 10 or (#ARGV - 3) % 7 ~= 0 then return bad('take wants three arguments and seven a bucket') end
local now, id, lease = clock(ARGV[1]), ARGV[2], whole(ARGV[3], 1, 86400000)
if not now then return bad('the clock is redis or caller-clock:<microseconds>') end
if id == '' or not lease then return bad('a call has an id and a lease of 1 to 86400000 ms') end
local ms = math.floor(now / 1000) + epoch * 1000

local buckets, used = {}, 1
for i = 4, #ARGV, 7 do
  local kind, mode, a, b, c = ARGV[i], ARGV[i + 1], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  local bucket = { kind = kind, dry = mode == 'dry', want = whole(ARGV[i + 2], 0), least = whole(ARGV[i + 3], 0), key = KEYS[used + 1] }
  if mode ~= 'must' and mode ~= 'dry' then return bad('a bucket is must or dry, not ' .. mode) end
  if not (bucket.want and bucket.least) or bucket.least > bucket.want then
    return bad('amounts are whole, 0 to 2^53-1, the least no larger than what is wanted')
  end
  if kind == 'rate' then
    local burst, count, period = number(a, 1, most), number(b, 1e-9, most), number(c, 1, 1e15)
    if not (burst and count and period) then return bad('a rate has burst, count and period above 0') end
    bucket.step = period / count
    bucket.window = burst * bucket.step
    if bucket.window > 3e15 then return bad('a rate fills within 95 years') end
    used = used + 1
  elseif kind == 'concurrency' or kind == 'budget' then
    bucket.limit, bucket.from, bucket.to = whole(a, 0), whole(b, 0), whole(c, 0)
    if not (bucket.limit and bucket.from and bucket.to) then return bad('a ' .. kind .. ' has whole numbers from 0') end
    if kind == 'budget' and bucket.from >= bucket.to then return bad('a budget has a period that ends after it begins') end
    bucket.holders = KEYS[used + 2]
    used = used + 2
  else
    return bad('a bucket is a rate, a concurrency or a budget, not ' .. kind)
  end
  buckets[#buckets + 1] = bucket
end
if used ~= #KEYS then return bad('a rate has one key, the others two, and the call one') end

local before = redis.call('GET', KEYS[1])
if before == '-' then return { -1, -1, ms } end
for place, bucket in ipairs(buckets) do
  if bucket.kind == 'budget' and not before and (ms < bucket.from or ms >= bucket.to) then return { -2, place - 1, ms } end
end

local function readRate(bucket)
  local full = tonumber(redis.call('GET', bucket.key) or now)
  if full > now + 2 * bucket.window then
    -- Written down also when the take is refused: what is looked at anew each time would never come nearer.
    full = now + 2 * bucket.window
    redis.call('SET', bucket.key, string.format('%.17g', full), 'PX', math.ceil((full - now) / 1000) + 1)
  end
  full = math.max(full, now)
  -- What arithmetic in doubles may lose is given, at most half a token and once: without it ten tenths are less than one.
  local near = math.min(0.5, bucket.step / 2)
  local over = full + bucket.least * bucket.step - now - bucket.window
  bucket.full, bucket.free = full, math.max(0, math.floor((now + bucket.window + near - full) / bucket.step))
  bucket.reset = math.ceil((full - now) / 1000)
  if over > near and bucket.least > 0 then
    bucket.why = 1
    bucket.wait = bucket.least * bucket.step > bucket.window + near and -1 or math.max(1, math.ceil(over / 1000))
  end
end

-- What calls hold: lapsed ones go first. Without the sum (an eviction took it), it is counted anew.
local function heldOf(bucket)
  local held = tonumber(redis.call('HGET', bucket.key, 'held') or nil)
  local lapsed = redis.call('ZRANGEBYSCORE', bucket.holders, '-inf', string.format('%.17g', now))
  if #lapsed > 0 then redis.call('ZREMRANGEBYSCORE', bucket.holders, '-inf', string.format('%.17g', now)) end
  if redis.call('ZCARD', bucket.holders) == 0 then held = 0 lapsed = {} end
  if not held then
    held, lapsed = 0, {}
    for _, member in ipairs(redis.call('ZRANGE', bucket.holders, 0, -1)) do held = held + tonumber(string.match(member, '^%d+')) end
  end
  for _, member in ipairs(lapsed) do held = held - tonumber(string.match(member, '^%d+')) end
  if #lapsed > 0 then redis.call('HSET', bucket.key, 'held', string.format('%.0f', held)) end
  return held
end

local function readHeld(bucket)
  bucket.held = heldOf(bucket)
  local spent = bucket.kind == 'budget' and tonumber(redis.call('HGET', bucket.key, 'spent') or 0) or 0
  bucket.free = math.max(0, bucket.limit - spent - bucket.held)
  bucket.reset = bucket.kind == 'budget' and math.max(0, bucket.to - ms) or 0
  if bucket.least <= bucket.free or bucket.least == 0 then return end
  -- When another call ends nobody knows: a second is as good as any.
  bucket.why, bucket.wait = bucket.kind == 'budget' and 3 or 2, 1000
  if spent + bucket.least > bucket.limit and bucket.kind == 'budget' then bucket.why, bucket.wait = 4, bucket.to - ms end
  if bucket.least > bucket.limit then bucket.wait = -1 end
end

for _, bucket in ipairs(buckets) do
  bucket.granted, bucket.wait, bucket.why = 0, 0, 0
  if bucket.kind == 'rate' then readRate(bucket) else readHeld(bucket) end
end

local function reply(status, place)
  local out = { status, place, ms }
  for _, bucket in ipairs(buckets) do
    for _, value in ipairs({ bucket.granted, bucket.free, bucket.reset, bucket.wait, bucket.why }) do out[#out + 1] = value end
  end
  return out
end

if before then
  local place = 0
  for granted in string.gmatch(before, '[^,]+') do
    place = place + 1
    local bucket = buckets[place]
    if not bucket then return bad('the call has taken from other buckets before') end
    if granted == 'x' then
      if bucket.why == 0 then bucket.wait, bucket.why = 1, bucket.kind == 'rate' and 1 or 2 end
    else
      bucket.granted, bucket.wait, bucket.why = tonumber(granted), 0, 0
    end
  end
  if place ~= #buckets then return bad('the call has taken from other buckets before') end
  return reply(2, -1)
end

local refused, longest = -1, 0
for place, bucket in ipairs(buckets) do
  local wait = bucket.wait < 0 and math.huge or bucket.wait
  if not bucket.dry and wait > longest then refused, longest = place - 1, wait end
end
if refused >= 0 then return reply(0, refused) end

local lapses = string.format('%.17g', now + lease * 1000)
local function lives(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end

local function charge(bucket)
  bucket.granted = math.min(bucket.want, math.max(bucket.free, bucket.least))
  if bucket.granted == 0 then return end
  bucket.free = math.max(0, bucket.free - bucket.granted)
  if bucket.kind == 'rate' then
    local full = bucket.full + bucket.granted * bucket.step
    bucket.reset = math.ceil((full - now) / 1000)
    redis.call('SET', bucket.key, string.format('%.17g', full), 'PX', bucket.reset + 1)
    return
  end
  redis.call('HSET', bucket.key, 'held', string.format('%.0f', bucket.held + bucket.granted))
  redis.call('ZADD', bucket.holders, lapses, string.format('%.0f:%s', bucket.granted, id))
  lives(bucket.holders, lease + margin)
  lives(bucket.key, math.max(lease + margin, bucket.kind == 'budget' and bucket.to - ms + 3600000 or 0))
end

local record = {}
for place, bucket in ipairs(buckets) do
  if bucket.why == 0 then charge(bucket) end
  record[place] = bucket.why == 0 and string.format('%.0f', bucket.granted) or 'x'
end
redis.call('SET', KEYS[1], table.concat(record, ','), 'PX', lease + margin)
return reply(1, -1)
