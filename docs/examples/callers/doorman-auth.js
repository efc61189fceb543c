'use strict';

// Returns Express middleware that has doormand verify the token of each request, and sets req.identity.
module.exports = function doormanAuth(url = 'http://127.0.0.1:7117') {
  return async function (req, res, next) {
    const authorization = req.get('Authorization');
    if (!/^Bearer +[^ ]+ *$/i.test(authorization ?? '')) {
      return res.set('WWW-Authenticate', 'Bearer').sendStatus(401);
    }
    try {
      const signal = AbortSignal.timeout(2500);
      const response = await fetch(url + '/v1/verify', { method: 'POST', headers: { authorization }, signal });
      const body = await response.json();
      if (response.ok) return (req.identity = body, next());
      if (response.status === 401) return res.set('WWW-Authenticate', 'Bearer error="invalid_token"').sendStatus(401);
      if (response.status === 403) return res.sendStatus(403);
      res.set('Retry-After', response.headers.get('Retry-After') ?? '1');
    } catch { res.set('Retry-After', '1'); } // doormand did not answer.
    res.sendStatus(503); // No verdict: the user stays logged in.
  };
};
