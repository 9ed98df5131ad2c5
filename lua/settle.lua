-- The end of a call: what it really used comes in the place of what it took, once.
--
-- KEYS  as for take.lua: the call's record, then one key for a rate and two for a concurrency or a budget.
-- ARGV  1: `redis` or `caller-clock:<microseconds since 1970>` (tests alone). 2: the call's id.
--       3: ms that the end is remembered: as long, a second settle changes nothing and a take that comes late takes nothing.
--       4: `settle`, or `undo` where it is not known whether the take ever came: then only what the record says was taken goes back.
--       Then six for each bucket: kind; what it took, as far as the caller knows, or `x`: nothing, its dry run was over; what it used;
--       and burst, count, period (rate), most, 0, 0 (concurrency), amount, first ms, first ms after (budget).
-- Returns integers: status, ms of the clock, then two for each bucket: remaining, ms until it is full.
--       status  1 applied; 2 applied by the caller's word, as the record is gone (its lease lapsed or the server lost it): money used is
--               added, a rate gets the difference; an undo leaves only its mark; 0 the call had ended before: nothing changed.
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then.
--
-- A rate that used more than it took goes into debt, by one burst at most: what a single call used beyond that is forgiven, so that
-- nobody is locked out for longer than two bursts take to refill. Money is never forgiven. A budget whose period ended more than an hour
-- ago is gone and stays so.
-- Stands behind common.lua.

if #ARGV < 10 or (#ARGV - 4) % 6 ~= 0 then return bad('settle wants four arguments and six a bucket') end
local now, id, keep, mode = clock(ARGV[1]), ARGV[2], whole(ARGV[3], 1, 86400000), ARGV[4]
if not now then return bad('the clock is redis or caller-clock:<microseconds>') end
if id == '' or not keep then return bad('a call has an id and is remembered for 1 to 86400000 ms') end
if mode ~= 'settle' and mode ~= 'undo' then return bad('the end of a call is settle or undo, not ' .. mode) end
local ms = math.floor(now / 1000) + epoch * 1000

local buckets, used = {}, 1
for i = 5, #ARGV, 6 do
  local kind, a, b, c = ARGV[i], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local bucket = { kind = kind, over = ARGV[i + 1] == 'x', used = whole(ARGV[i + 2], 0), key = KEYS[used + 1] }
  bucket.taken = bucket.over and 0 or whole(ARGV[i + 1], 0)
  if not (bucket.taken and bucket.used) then return bad('amounts are whole, 0 to 2^53-1') end
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
local status = before and 1 or 2
if before == '-' then status = 0 end

if status == 1 then
  local place = 0
  for granted in string.gmatch(before, '[^,]+') do
    place = place + 1
    if not buckets[place] then return bad('the call has taken from other buckets') end
    buckets[place].over, buckets[place].taken = granted == 'x', tonumber(granted) or 0
  end
  if place ~= #buckets then return bad('the call has taken from other buckets') end
end

local function settleRate(bucket, applies)
  local full = tonumber(redis.call('GET', bucket.key) or now)
  full = math.max(full, now)
  if applies and bucket.used ~= bucket.taken then
    -- Where it owes more than that already, a larger limit has come since the call began: its end gives nothing of that back.
    local most = math.max(full, now + 2 * bucket.window)
    full = math.min(full + (bucket.used - bucket.taken) * bucket.step, most)
    if full - now < math.min(0.5, bucket.step / 2) then
      full = now
      redis.call('DEL', bucket.key)
    else
      redis.call('SET', bucket.key, string.format('%.17g', full), 'PX', math.ceil((full - now) / 1000) + 1)
    end
  end
  local near = math.min(0.5, bucket.step / 2)
  return math.max(0, math.floor((now + bucket.window + near - full) / bucket.step)), math.ceil((full - now) / 1000)
end

local function settleHeld(bucket, applies)
  local isBudget = bucket.kind == 'budget'
  local held, spent = tonumber(redis.call('HGET', bucket.key, 'held') or nil), tonumber(redis.call('HGET', bucket.key, 'spent') or 0)
  if applies and redis.call('ZREM', bucket.holders, string.format('%.0f:%s', bucket.taken, id)) == 1 and held then
    held = math.max(0, held - bucket.taken)
    redis.call('HSET', bucket.key, 'held', string.format('%.0f', held))
  end
  local left = bucket.to - ms + 3600000
  if applies and isBudget and bucket.used > 0 and left > 0 then
    spent = spent + bucket.used
    redis.call('HSET', bucket.key, 'spent', string.format('%.0f', spent))
    if redis.call('PTTL', bucket.key) < left then redis.call('PEXPIRE', bucket.key, left) end
  end
  return math.max(0, bucket.limit - (isBudget and spent or 0) - (held or 0)), isBudget and math.max(0, bucket.to - ms) or 0
end

local out = { status, ms }
for _, bucket in ipairs(buckets) do
  if mode == 'undo' then bucket.used = 0 end
  local applies = not bucket.over and (status == 1 or (status == 2 and mode == 'settle'))
  local settleOne = bucket.kind == 'rate' and settleRate or settleHeld
  out[#out + 1], out[#out + 2] = settleOne(bucket, applies)
end
if status ~= 0 then redis.call('SET', KEYS[1], '-', 'PX', keep) end
return out
