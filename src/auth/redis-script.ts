import { keptChanges } from './store-parts.ts'

/**
 * Writes a tenant or takes it away, if the stored record is still the one that was seen. Tenants change seldom, so it is sent whole
 * (EVAL). All of a tenant's traces change at once: its record, its place in the list, its keys, and a numbered line in the changes,
 * whose number is their stream's id, so that a reader sees a gap.
 *
 * KEYS: records (hash by name), names (sorted set), keys (hash: digest → name), changes (stream), sequence (counter)
 * ARGV: name, the record as it was seen ('' for none; '*' for any), the record to write ('' to take it away)
 * Returns: 1 written, 0 the stored record is another, -1 a key is another tenant's
 */
export const changeScript = `
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == '*' then
  if not stored then return 0 end
elseif (stored or '') ~= ARGV[2] then
  return 0
end
local after = {}
if ARGV[3] ~= '' then after = cjson.decode(ARGV[3]).keys end
for _, key in ipairs(after) do
  local owner = redis.call('HGET', KEYS[3], key.sha256)
  if owner and owner ~= ARGV[1] then return -1 end
end
if stored then
  for _, key in ipairs(cjson.decode(stored).keys) do redis.call('HDEL', KEYS[3], key.sha256) end
end
for _, key in ipairs(after) do redis.call('HSET', KEYS[3], key.sha256, ARGV[1]) end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
local number = redis.call('INCR', KEYS[5])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ${keptChanges}, number .. '-0', 'name', ARGV[1])
return 1`
