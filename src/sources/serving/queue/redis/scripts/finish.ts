import type { QueueOptions } from '../../contract.ts'

/**
 * Stores results, each once. `lt` keeps the token that ended the execution, so that a script sent again after a lost answer says the same.
 * ARGV: 1 when sent again, else 0; for each claim id, token, result. Answers 1 where it is stored, else 0.
 */
export const completeScript = `
passWhenFull()
local answers = {}
for i = 2, #ARGV, 3 do
  local id, token = ARGV[i], ARGV[i + 1]
  local r = call('HMGET', taskKey(id), 'st', 'q', 'tok', 'lt')
  local stored = 0
  if r[1] == 'active' and r[3] == token then
    call('SET', P .. ':result:' .. id, ARGV[i + 2])
    call('HSET', taskKey(id), 'lt', token)
    finish(id, r[2], 'active', 'done')
    stored = 1
  elseif ARGV[1] == '1' and r[1] == 'done' and r[4] == token then
    stored = 1
  end
  answers[#answers + 1] = stored
end
return answers
`

/**
 * An attempt failed, or took its worker with it.
 * ARGV: 1 when sent again, else 0; id, token, failure as JSON, kind (failed, final or died), a random number in [0, 1).
 * Answers { delayed, ms, 1 when it keeps its ticket }, { dead, 0 }, { poisoned, 0 } or { lost, 0 }. A suspect has none: its record alone brings it back.
 */
export const failScript = ({ retryDelayMs, retryDelayMsMax }: QueueOptions) => `
passWhenFull()
local id, token, failure, kind, random = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local key = taskKey(id)
local r = call('HMGET', key, 'st', 'q', 'tok', 'lt', 'att', 'dea', 'dl', 'ret')
local deaths = tonumber(r[6] or '0')
if r[1] ~= 'active' or r[3] ~= token then
  if ARGV[1] == '1' and r[4] == token and r[1] == 'dead' then return { kind == 'died' and 'poisoned' or 'dead', 0 } end
  if ARGV[1] == '1' and r[4] == token and r[1] == 'delayed' then return { 'delayed', math.max(0, tonumber(r[8]) - now), deaths > 0 and 0 or 1 } end
  return { 'lost', 0 }
end
call('HSET', key, 'lt', token, 'fl', failure)
local lane, attempts = r[2], tonumber(r[5])
local whole = math.min(${retryDelayMsMax}, ${retryDelayMs} * 2 ^ math.min(attempts - 1, 40))
local waitMs = math.floor(whole / 2 + random * whole / 2)
if kind == 'died' then
  deaths = call('HINCRBY', key, 'dea', 1)
  if deaths >= DEATHS_MAX then
    local said = cjson.decode(failure)
    said.message = deaths .. ' executions of this task took their worker with them; the last one: ' .. said.message
    said.code = 'MW_TASK_POISONED'
    call('HSET', key, 'fl', cjson.encode(said))
    finish(id, lane, 'active', 'dead')
    return { 'poisoned', 0 }
  end
elseif kind == 'final' or attempts - deaths >= ATTEMPTS_MAX then
  finish(id, lane, 'active', 'dead')
  return { 'dead', 0 }
end
-- No other attempt can begin in time.
if r[7] and now + waitMs >= tonumber(r[7]) then
  finish(id, lane, 'active', 'dead')
  return { 'dead', 0 }
end
move(id, lane, 'active', 'delayed')
call('HDEL', key, 'tok', 'lea')
call('HSET', key, 'ret', int(now + waitMs))
call('ZADD', P .. ':retries', int(now + waitMs), id)
return { 'delayed', waitMs, deaths > 0 and 0 or 1 }
`

/** Back, as if never claimed. ARGV: for each claim id, token. Answers 1 where the ticket is to go back, else 0. */
export const releaseScript = `
local answers = {}
for i = 1, #ARGV, 2 do
  local key = taskKey(ARGV[i])
  local r = call('HMGET', key, 'st', 'q', 'tok')
  local held = r[1] == 'active' and r[3] == ARGV[i + 1]
  if held then
    move(ARGV[i], r[2], 'active', 'waiting')
    call('HDEL', key, 'tok', 'lea')
    if call('HINCRBY', key, 'att', -1) == 0 then call('HDEL', key, 'sta') end
  end
  answers[#answers + 1] = held and 1 or 0
end
return answers
`

/**
 * ARGV: id. Answers { unknown }, { final }, or { cancelled, 1 when it is so by this call, lane, ticket, token of the execution or '' }.
 */
export const cancelScript = `
local id = ARGV[1]
local r = call('HMGET', taskKey(id), 'st', 'q', 'gen', 'tok')
if not r[1] or isExpired(id) then return { 'unknown' } end
if r[1] == 'done' or r[1] == 'dead' then return { 'final' } end
if r[1] == 'cancelled' then return { 'cancelled', 0 } end
finish(id, r[2], r[1], 'cancelled')
return { 'cancelled', 1, r[2], id .. '.' .. r[3], r[4] or '' }
`
