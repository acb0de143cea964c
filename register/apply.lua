-- Tell the register one listing as of one version: atomically, idempotently, whatever the order of arrival.
-- KEYS[1] marker     KEYS[2] changes
-- ARGV[1] version, padded   ARGV[2] the listing as JSON, or '' to take it off   ARGV[3] its key
-- ARGV[4] '1' to tell only the register that is being built aside   ARGV[5..] the keys it is filed under
-- Returns the sequence of the change, 0 when a later version already stands, -1 when the register is not loaded.
local marker = redis.call('HMGET', KEYS[1], 'epoch', 'loading', 'generation', 'building', 'ledger_id')
if not marker[1] and not marker[2] then return -1 end
local places = table.concat(ARGV, ' ', 5)

local function tell(generation, count)
  local own = 'cg:' .. generation .. ':listing:' .. ARGV[3]
  local subject = 'cg:' .. generation .. ':subject:'
  local standing = redis.call('HMGET', own, 'version', 'filed_under')
  if standing[1] and standing[1] >= ARGV[1] then return false end
  if standing[2] and standing[2] ~= '' then
    for place in string.gmatch(standing[2], '%S+') do redis.call('HDEL', subject .. place, ARGV[3]) end
    redis.call('HINCRBY', KEYS[1], count, -1)
  end
  for place in string.gmatch(places, '%S+') do redis.call('HSET', subject .. place, ARGV[3], ARGV[2]) end
  if places ~= '' then redis.call('HINCRBY', KEYS[1], count, 1) end
  redis.call('HSET', own, 'version', ARGV[1], 'filed_under', places)
  return true
end

if marker[4] then tell(marker[4], 'building_listings') end
if ARGV[4] == '1' then return 0 end
local version = tonumber(ARGV[1])
if version > tonumber(marker[5] or '0') then redis.call('HSET', KEYS[1], 'ledger_id', version) end
if not tell(marker[3] or '0', 'listings') then return 0 end
redis.call('HINCRBY', KEYS[1], 'applied', 1)
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'listing', ARGV[3], 'places', places, 'value', ARGV[2])
return tonumber(string.match(id, '-(%d+)'))
