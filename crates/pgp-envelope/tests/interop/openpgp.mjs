// OpenPGP.js as a program: node openpgp.mjs seal SIGNER-KEY RECIPIENT-CERT, or open RECIPIENT-KEY SIGNER-CERT.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , library, command, secret, open] = process.argv;
const openpgp = await import(pathToFileURL(library).href);
const privateKey = await openpgp.readPrivateKey({ armoredKey: readFileSync(secret, 'utf8') });
const publicKey = await openpgp.readKey({ armoredKey: readFileSync(open, 'utf8') });
const input = new Uint8Array(readFileSync(0));

if (command === 'seal') {
    const message = await openpgp.createMessage({ binary: input });
    const sealed = await openpgp.encrypt({ message, encryptionKeys: publicKey, signingKeys: privateKey, format: 'binary' });
    writeFileSync(1, sealed);
} else {
    const message = await openpgp.readMessage({ binaryMessage: input });
    const { data } = await openpgp.decrypt({
        message, decryptionKeys: privateKey, verificationKeys: publicKey, expectSigned: true, format: 'binary',
    });
    writeFileSync(1, data);
}
