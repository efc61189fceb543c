const express = require('express');
const doormanAuth = require('./doorman-auth');

const app = express();
app.use(doormanAuth(process.env.DOORMAN_URL));
app.get('/', (req, res) => res.send(`Hello, ${req.identity.accountId}\n`));
app.listen(process.env.PORT ?? 8080, '127.0.0.1');
