// Bytes over a socket as they are, for what no client would send.
import { connect } from 'node:net';

// Sends each piece in turn, waits for the other side to close or for
// `within`; gives what came: {text, isClosed, heads: [status...]}.
export function exchange(url, pieces, { within = 3000, end = false } = {}) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve) => {
        const socket = connect(Number(port), hostname);
        let text = '';
        const done = (isClosed) => {
            clearTimeout(timer);
            socket.destroy();
            resolve({
                text, isClosed,
                statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})[ \r]/g)]
                    .map(([, status]) => Number(status)),
            });
        };
        const timer = globalThis.setTimeout(() => done(false), within);
        socket.on('data', (data) => (text += data.toString('latin1')));
        socket.on('close', () => done(true));
        socket.on('error', () => {}); // close follows
        socket.on('connect', () => {
            for (const piece of [pieces].flat()) socket.write(piece, 'latin1');
            if (end) socket.end();
        });
    });
}
