-- Apply one claim to the register: atomically, idempotently, whatever the order of arrival.
-- KEYS[1] marker   KEYS[2] changes   KEYS[3] this listing
-- ARGV[1] order    ARGV[2] the listing as JSON, or '' to take it off   ARGV[3] ledger id
-- ARGV[4] key prefix of subjects     ARGV[5..] the keys it is filed under
-- Returns the sequence of the change, 0 when a later claim already stands, -1 when the register is not loaded.
if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 and redis.call('HEXISTS', KEYS[1], 'loading') == 0 then
  return -1
end
local listing = string.sub(KEYS[3], -32)
local mark = tonumber(redis.call('HGET', KEYS[1], 'ledger_id') or '0')
if tonumber(ARGV[3]) > mark then redis.call('HSET', KEYS[1], 'ledger_id', ARGV[3]) end
local standing = redis.call('HMGET', KEYS[3], 'order', 'filed_under')
if standing[1] and standing[1] >= ARGV[1] then return 0 end
if standing[2] and standing[2] ~= '' then
  for place in string.gmatch(standing[2], '%S+') do redis.call('HDEL', ARGV[4] .. place, listing) end
  redis.call('HINCRBY', KEYS[1], 'listings', -1)
end
local places = table.concat(ARGV, ' ', 5)
for place in string.gmatch(places, '%S+') do redis.call('HSET', ARGV[4] .. place, listing, ARGV[2]) end
if places ~= '' then redis.call('HINCRBY', KEYS[1], 'listings', 1) end
redis.call('HINCRBY', KEYS[1], 'applied', 1)
redis.call('HSET', KEYS[3], 'order', ARGV[1], 'filed_under', places)
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'listing', listing, 'places', places, 'value', ARGV[2])
return tonumber(string.match(id, '-(%d+)'))
