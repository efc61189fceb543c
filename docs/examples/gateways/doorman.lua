-- Asks doormand about the token of a request. All values of the header are passed on: doormand rejects a request with two.
local names = { "account_id", "application_id", "phone", "email", "provider", "scopes", "freshness" }

core.register_action("doorman", { "http-req" }, function(txn)
  local authorization = {}
  for _, value in pairs(txn.http:req_get_headers()["authorization"] or {}) do
    authorization[#authorization + 1] = value
  end
  local headers = #authorization > 0 and { ["authorization"] = authorization } or {}
  local response = core.httpclient():get{
    url = "http://doorman/auth", dst = "unix@/run/haproxy/doorman.sock", headers = headers, timeout = 3000 }
  local received = response and response.headers or {}
  local function header(name)
    return received[name] and received[name][0] or ""
  end
  txn:set_var("txn.doorman_status", response and response.status or 0)
  txn:set_var("txn.doorman_challenge", header("www-authenticate"))
  local retry_after = header("retry-after")
  txn:set_var("txn.doorman_retry_after", retry_after ~= "" and retry_after or "1")
  for _, name in ipairs(names) do
    txn:set_var("txn.doorman_" .. name, header("x-doorman-" .. name:gsub("_", "-")))
  end
end, 0)
