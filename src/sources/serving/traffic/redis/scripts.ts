/*
 * What must happen at once, in Redis. All keys share the hash tag {modelwatch:traffic}, so that they stand in one slot of a cluster.
 * Times are those of the Redis server: gateways on several machines need not agree on the time.
 */
const key = (name: string) => `modelwatch:{traffic}:${name}`

/** model → traffic as JSON. */
export const MODELS_KEY = key('models')
/** Rises with each change: whoever missed a message sees it here. */
export const CHANGES_KEY = key('changes')
/** Where each change is announced. */
export const CHANNEL = key('changed')
/** process, model and revision → report as JSON. */
export const REPORTS_KEY = key('reports')
/** The same fields, by the time they were told. */
export const TOLD_KEY = key('told')

/** KEYS: models, changes. ARGV: model, what is expected there ('' for nothing), what shall stand there, channel. Returns 1, or 0 when something else stood there. */
export const COMPARE_AND_SET = `
local current = redis.call('HGET', KEYS[1], ARGV[1])
if (current or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[4], ARGV[1])
return 1`

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** KEYS: reports, told. ARGV: how long a report stands, then field and report in turns. Forgets those that stand no more. */
export const REPORT = `${NOW}
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
for _, field in ipairs(gone) do
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', KEYS[2], field)
end
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], now, ARGV[i])
end
return 0`

/** KEYS: reports, told. ARGV: how long a report stands. Returns those that stand. */
export const REPORTS = `${NOW}
local fields = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. (now - ARGV[1]), '+inf')
local reports = {}
for i, field in ipairs(fields) do reports[i] = redis.call('HGET', KEYS[1], field) end
return reports`

/** KEYS: reports, told. ARGV: a process. Forgets what it told; the field of a report begins with its process. */
export const WITHDRAW = `
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if cjson.decode(field)[1] == ARGV[1] then
    redis.call('HDEL', KEYS[1], field)
    redis.call('ZREM', KEYS[2], field)
  end
end
return 0`
