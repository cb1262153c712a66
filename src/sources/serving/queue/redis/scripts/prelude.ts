import type { QueueOptions } from '../../contract.ts'

/** What every script of one open queue has in common. */
export interface ScriptSetting {
  readonly options: QueueOptions
  /** Channels are shared by all databases of a server, so a channel's name says which it is about. */
  readonly db: number
}

/**
 * Fields of a task's hash, in the order in which `row` answers them; what follows are the result, the payload and the id. `records.ts` reads them.
 * Short names, and payload and result in keys of their own: a hash of small values is stored packed, in a fifth of the memory.
 */
export const rowFields = ['q', 'rev', 'pri', 'rows', 'st', 'att', 'dea', 'sub', 'sta', 'fin', 'dl', 'ret', 'fl', 'wh', 'gen', 'ha'] as const

/**
 * Stands before every script. KEYS[1] is the prefix of all keys, whose hash tag puts them on one node of a cluster.
 * Time is the server's own: gateways and workers whose clocks differ agree about leases, waits and retention.
 */
export function prelude({ options, db }: ScriptSetting): string {
  return `
local P = KEYS[1]
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local FINALS = { done = true, dead = true, cancelled = true }
local LEASE_MS, RESULTS_MS, DEAD_MS = ${options.leaseMs}, ${options.resultsMs}, ${options.deadMs}
local ATTEMPTS_MAX, DEATHS_MAX = ${options.attemptsMax}, ${options.deathsMax}

local function int(n) return string.format('%.0f', n) end
local function taskKey(id) return P .. ':task:' .. id end
local function indexKey(lane, state) return P .. ':index:' .. state .. ':' .. lane end
local function tell(id) call('PUBLISH', P .. ':${db}:changed:' .. id, '') end
local function wake() call('PUBLISH', P .. ':${db}:work', '') end

-- A server whose memory is full (maxmemory) refuses a script whose first write may take some. What empties the queue has to get through, or it would
-- be full for ever, so it begins with a write that takes none.
local function passWhenFull() call('DEL', P .. ':none') end

local function bytesOf(id) return call('STRLEN', P .. ':payload:' .. id) end
local function isSuspect(id) return tonumber(call('HGET', taskKey(id), 'dea') or '0') > 0 end

-- Out of the index of a state. Waiting suspects have one of their own, and no ticket.
local function unindex(id, lane, state)
  call('ZREM', indexKey(lane, state), id)
  if state == 'waiting' then call('ZREM', indexKey(lane, 'suspect'), id) end
end

-- The task's state and all that is counted by it, in one step.
local function move(id, lane, from, to)
  unindex(id, lane, from)
  call('ZADD', indexKey(lane, to == 'waiting' and isSuspect(id) and 'suspect' or to), 0, id)
  call('HSET', taskKey(id), 'st', to)
  if FINALS[to] and not FINALS[from] then call('DECR', P .. ':unfinished') end
  if FINALS[from] and not FINALS[to] then call('INCR', P .. ':unfinished') end
  if from == 'active' then call('ZREM', P .. ':leases', id) end
  if from == 'delayed' then
    call('ZREM', P .. ':retries', id)
    call('HDEL', taskKey(id), 'ret')
  end
  tell(id)
end

-- To a final state. Whoever is to be told stands in the outbox from the same instant.
local function finish(id, lane, from, to)
  local key = taskKey(id)
  move(id, lane, from, to)
  local untilMs = int(now + (to == 'dead' and DEAD_MS or RESULTS_MS))
  call('HSET', key, 'fin', int(now), 'exp', untilMs)
  call('HDEL', key, 'tok', 'lea')
  call('ZADD', P .. ':expiry', untilMs, id)
  -- An active task had its ticket.
  if from ~= 'active' then call('ZREM', P .. ':pending', id) end
  if call('HEXISTS', key, 'wh') == 1 then
    call('HDEL', key, 'ha', 'ht')
    call('ZADD', P .. ':hooks', int(now), id)
    wake()
  end
end

local function die(id, lane, from, code, message)
  call('HSET', taskKey(id), 'fl', cjson.encode({ code = code, message = message }))
  finish(id, lane, from, 'dead')
end

-- A lease that ran out: the worker died. @return lane, ticket, its lock's token and what became of the task, or nothing when the lease holds.
local function reap(id)
  local key = taskKey(id)
  local r = call('HMGET', key, 'st', 'q', 'lea', 'gen', 'tok', 'wrk')
  if r[1] ~= 'active' then
    call('ZREM', P .. ':leases', id)
    return nil
  end
  if tonumber(r[3]) > now then return nil end
  local deaths = call('HINCRBY', key, 'dea', 1)
  local said = 'the worker ' .. (r[6] or '?') .. ' was not heard of for ' .. LEASE_MS .. ' ms'
  local outcome = 'retried'
  if deaths >= DEATHS_MAX then
    die(id, r[2], 'active', 'MW_TASK_POISONED', deaths .. ' executions of this task took their worker with them; the last one: ' .. said)
    outcome = 'poisoned'
  else
    call('HSET', key, 'fl', cjson.encode({ code = 'MW_TASK_WORKER_LOST', message = said }))
    move(id, r[2], 'active', 'waiting')
    call('HDEL', key, 'tok', 'lea')
    wake()
  end
  return { r[2], id .. '.' .. r[4], r[5], outcome }
end

local function reapAll(max)
  local reaped = {}
  for _, id in ipairs(call('ZRANGEBYSCORE', P .. ':leases', '-inf', int(now), 'LIMIT', 0, max)) do
    local one = reap(id)
    if one then reaped[#reaped + 1] = one end
  end
  return reaped
end

-- Delayed tasks whose time has come wait again.
local function promoteAll(max)
  for _, id in ipairs(call('ZRANGEBYSCORE', P .. ':retries', '-inf', int(now), 'LIMIT', 0, max)) do
    local r = call('HMGET', taskKey(id), 'st', 'q')
    if r[1] == 'delayed' then move(id, r[2], 'delayed', 'waiting') else call('ZREM', P .. ':retries', id) end
  end
end

local function forget(id)
  call('DEL', taskKey(id), P .. ':payload:' .. id, P .. ':result:' .. id)
  for _, set in ipairs({ 'leases', 'retries', 'expiry', 'hooks', 'pending' }) do call('ZREM', P .. ':' .. set, id) end
end

-- Final tasks that were kept long enough. One whose webhook is still to be delivered is hidden, and goes with the delivery.
local function expireAll(max)
  local ids = call('ZRANGEBYSCORE', P .. ':expiry', '-inf', int(now), 'LIMIT', 0, max)
  for _, id in ipairs(ids) do
    local r = call('HMGET', taskKey(id), 'st', 'q')
    if r[1] then
      call('ZREM', indexKey(r[2], r[1]), id)
      tell(id)
    end
    if call('ZSCORE', P .. ':hooks', id) then call('ZREM', P .. ':expiry', id) else forget(id) end
  end
  return #ids
end

local function row(id, withPayload, isSummary)
  local r = call('HMGET', taskKey(id), ${rowFields.map((field) => `'${field}'`).join(', ')})
  if not r[1] then return false end
  if r[5] == 'delayed' and tonumber(r[12]) <= now then
    r[5] = 'waiting'
    r[12] = false
  end
  r[${rowFields.length + 1}] = r[5] == 'done' and not isSummary and call('GET', P .. ':result:' .. id)
  r[${rowFields.length + 2}] = withPayload and call('GET', P .. ':payload:' .. id)
  r[${rowFields.length + 3}] = id
  return r
end

local function isExpired(id)
  local untilMs = call('HGET', taskKey(id), 'exp')
  return untilMs and tonumber(untilMs) <= now
end
`
}
