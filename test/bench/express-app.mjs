// What an app does without portkeep, at its least: Express, the signature
// checked by HubSpot's SDK, nothing stored.
//
//     node express-app.mjs PORT URL CLIENT_SECRET
import { Signature } from '@hubspot/api-client';
import express from 'express';

const [port, url, clientSecret] = process.argv.slice(2);
const app = express();
app.post('/webhooks/crm-sync', express.raw({ type: '*/*', limit: '512kb' }), (request, response) => {
    const isValid = Signature.isValid({
        signatureVersion: 'v3', signature: request.get('x-hubspot-signature-v3'), method: request.method,
        clientSecret, requestBody: request.body.toString(), url,
        timestamp: Number(request.get('x-hubspot-request-timestamp')),
    });
    response.sendStatus(isValid ? 200 : 401);
});
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
