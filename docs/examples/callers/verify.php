<?php
// Has doormand verify a token. Returns [status, identity or problem]: 200, 401, 403 or 503.
function doorman_verify(string $token, string $url = 'http://127.0.0.1:7117'): array
{
    static $curl = null;                 // keeps the connection open
    $curl ??= curl_init();
    if (!preg_match('/^[\x21-\x7e]+$/D', $token)) {
        return [401, ['reason' => 'MALFORMED_TOKEN']];
    }
    curl_setopt_array($curl, [
        CURLOPT_URL => $url . '/v1/verify',
        CURLOPT_CUSTOMREQUEST => 'POST',
        CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . $token],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT_MS => 2500,
        CURLOPT_PROXY => '',
        // With TLS: CURLOPT_CAINFO, and CURLOPT_SSLCERT and CURLOPT_SSLKEY if the server requires a certificate.
    ]);
    $body = curl_exec($curl);
    $answer = is_string($body) ? json_decode($body, true) : null;
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    if (is_array($answer) && in_array($status, [200, 401, 403], true)) {
        return [$status, $answer];
    }
    // No verdict: the user stays logged in.
    return [503, $answer ?? ['reason' => curl_error($curl)]];
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    [$status, $answer] = doorman_verify(trim(fgets(STDIN)), $argv[1] ?? 'http://127.0.0.1:7117');
    echo $status === 200 ? "account {$answer['accountId']}\n" : "$status {$answer['reason']}\n";
    exit($status === 200 ? 0 : 1);
}
