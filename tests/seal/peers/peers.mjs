// Asks another implementation of age (typage), and hands out the public test vectors. Copied beside node_modules.
import { readFileSync, writeSync } from "node:fs";

const [command, ...keys] = process.argv.slice(2);

const commands = {
  async open() {
    const { Decrypter } = await import("age-encryption");
    const decrypter = new Decrypter();
    keys.forEach((identity) => decrypter.addIdentity(identity));
    return decrypter.decrypt(readFileSync(0));
  },
  async seal() {
    const { Encrypter } = await import("age-encryption");
    const encrypter = new Encrypter();
    keys.forEach((recipient) => encrypter.addRecipient(recipient));
    return encrypter.encrypt(readFileSync(0));
  },
  async recipient() {
    const { identityToRecipient } = await import("age-encryption");
    return Buffer.from(await identityToRecipient(keys[0]));
  },
  async identity() {
    const { generateHybridIdentity } = await import("age-encryption");
    return Buffer.from(await generateHybridIdentity());
  },
  async vectors() {
    const vectors = await import("cctv-age");
    const texts = Object.entries(vectors).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
    return Buffer.from(JSON.stringify(Object.fromEntries(texts)));
  },
};

let out = await commands[command]();
while (out.length > 0) out = out.subarray(writeSync(1, out));
