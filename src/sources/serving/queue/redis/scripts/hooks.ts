import type { QueueOptions } from '../../contract.ts'

const HOUR_MS = 3_600_000

/**
 * The outbox: `hooks` holds each final task whose webhook is to be delivered, by the time of the next try. A try that is not heard of again comes up anew
 * after the time that its taker asked for; counted when it begins.
 *
 * ARGV: how many, token, for how long in ms, bytes of results beyond the first. Answers { row, tries before } for each.
 */
export const claimHooksScript = `
passWhenFull()
local answers = {}
local bytesLeft = tonumber(ARGV[4])
for _, id in ipairs(call('ZRANGEBYSCORE', P .. ':hooks', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[1]))) do
  bytesLeft = bytesLeft - call('STRLEN', P .. ':result:' .. id)
  if bytesLeft < 0 and #answers > 0 then break end
  local one = row(id, false)
  if one then
    local tries = call('HINCRBY', taskKey(id), 'ha', 1)
    call('HSET', taskKey(id), 'ht', ARGV[2])
    call('ZADD', P .. ':hooks', int(now + tonumber(ARGV[3])), id)
    answers[#answers + 1] = { one, tries - 1 }
  else
    call('ZREM', P .. ':hooks', id)
  end
end
return answers
`

const endHook = `
local function endHook(id)
  call('ZREM', P .. ':hooks', id)
  call('HDEL', taskKey(id), 'ht')
  if isExpired(id) then forget(id) end
end
`

/** ARGV: id, token. */
export const deliveredScript = `${endHook}
if call('HGET', taskKey(ARGV[1]), 'ht') == ARGV[2] then endHook(ARGV[1]) end
return 1
`

/** ARGV: id, token, why, a random number in [0, 1). Answers delayed or given_up. */
export const undeliveredScript = ({ webhookAttemptsMax, webhookDelayMs }: QueueOptions) => `${endHook}
passWhenFull()
local id = ARGV[1]
local r = call('HMGET', taskKey(id), 'ht', 'ha')
if r[1] ~= ARGV[2] then return 'delayed' end
local tries = tonumber(r[2])
call('HSET', taskKey(id), 'hf', string.sub(ARGV[3], 1, 500))
if tries >= ${webhookAttemptsMax} then
  endHook(id)
  return 'given_up'
end
call('HDEL', taskKey(id), 'ht')
local whole = math.min(${Math.max(webhookDelayMs, HOUR_MS)}, ${webhookDelayMs} * 2 ^ math.min(tries - 1, 40))
call('ZADD', P .. ':hooks', int(now + math.floor(whole / 2 + tonumber(ARGV[4]) * whole / 2)), id)
return 'delayed'
`
