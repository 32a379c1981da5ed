#!/usr/bin/env node
// Starts the gdoctor of this machine with the arguments and the terminal as they are, and ends as it ends.
"use strict";
const { spawn } = require("child_process");
const path = require("path");

const binary = path.join(__dirname, "gdoctor-" + process.arch);
const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
// Ctrl-C reaches gdoctor from the terminal; what is sent to this process alone is handed on.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (why) => {
  console.error("gdoctor: " + binary + ": " + why.message);
  process.exit(2);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
