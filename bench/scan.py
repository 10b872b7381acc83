#!/usr/bin/env python3
"""Recall and noise of `tresor scan` beside detect-secrets, on collections that others made.

    bench/scan.py TRESOR DETECT_SECRETS [--leaky FOLDER] [--gitleaks gitleaks.toml] [--noise FOLDER]

TRESOR and DETECT_SECRETS are programs. --leaky: a checkout of Plazmaz/leaky-repo. --gitleaks: the rules of gitleaks, of which keys are made
at random (needs the package rstr). --noise: a folder of code in which nothing real is. Nothing of those collections is kept.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import tempfile
import time
import tomllib


def tresor(folder):
    out = subprocess.run([ARGS.tresor, "scan", folder, "--offline", "--no-ignore", "--json"], capture_output=True, text=True)
    lines = collections.defaultdict(set)
    for found in json.loads(out.stdout)["findings"]:
        lines[found["path"]].add(found["line"])
    return lines


def detect_secrets(folder):
    out = subprocess.run([ARGS.detect_secrets, "scan", "--all-files", "."], cwd=folder, capture_output=True, text=True)
    return {name: {one["line_number"] for one in found} for name, found in json.loads(out.stdout)["results"].items()}


def both(folder):
    for name, scan in [("tresor", tresor), ("detect-secrets", detect_secrets)]:
        began = time.monotonic()
        lines = scan(folder)
        yield name, lines, time.monotonic() - began


def leaky(folder):
    risk = {}
    for line in (pathlib.Path(folder) / ".leaky-meta/secrets.csv").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, risks, _ = line.rsplit(",", 2)
            risk[name] = int(risks)
    for name, lines, took in both(folder):
        found = sum(min(count, len(lines.get(file, ()))) for file, count in risk.items())
        print(f"leaky-repo: {name} finds {found} of {sum(risk.values())} risk lines in {took:.1f} s")


NAMED = re.compile(r"\[`'\"\\s=\]\{0,5\}")


def first_group(expression):
    start, depth = expression.index("("), 0
    for at in range(start, len(expression)):
        if expression[at - 1] != "\\":
            depth += {"(": 1, ")": -1}.get(expression[at], 0)
        if depth == 0:
            return expression[start : at + 1]


def samples(rule, make):
    expression = rule["regex"].replace(r"\x60", "`").replace("[[:alnum:]]", "[0-9A-Za-z]").replace(r"\z", "$")
    expression = re.sub(r"\(\?[a-z-]+:", "(?:", re.sub(r"\(\?[a-z-]+\)", "", expression))
    named = NAMED.search(expression)
    if named:
        group = first_group(expression[named.end() :])
        return True, [f"{rule['keywords'][0]}_api_token = \"{make(group)}\"" for _ in range(5)]
    form = re.sub(r"\(\?:\[`'\"\\s;\]\|\\\\\[nr\]\|\$\)$", "", expression).replace(r"\b", "")
    return False, [f'value = "{make(form)}"' for _ in range(5)]


def gitleaks(file):
    import rstr

    make = rstr.Rstr(random.Random(7)).xeger
    rules = tomllib.loads(pathlib.Path(file).read_text())["rules"]
    with tempfile.TemporaryDirectory() as folder:
        kinds = {}
        for rule in rules:
            if rule["id"] == "generic-api-key" or "regex" not in rule:
                continue
            try:
                named, lines = samples(rule, make)
            except Exception:
                continue  # what Python's expressions cannot say
            (pathlib.Path(folder) / f"{rule['id']}.ts").write_text("".join(line.replace("\n", "") + "\n" for line in lines), errors="replace")
            kinds[f"{rule['id']}.ts"] = (named, len(lines))
        for name, lines, took in both(folder):
            found, of = collections.Counter(), collections.Counter()
            for file, (named, count) in kinds.items():
                found[named] += len([line for line in lines.get(file, ()) if line <= count])
                of[named] += count
            print(f"gitleaks' rules: {name} finds {found[True]} of {of[True]} with a name, {found[False]} of {of[False]} by form, in {took:.1f} s")


def noise(folder):
    size = sum(file.stat().st_size for file in pathlib.Path(folder).rglob("*") if file.is_file())
    for name, lines, took in both(folder):
        count = sum(len(found) for found in lines.values())
        print(f"{folder}: {name} finds {count} lines in {size / 1e6:.0f} MB, in {took:.1f} s: {size / 1e6 / took:.1f} MB/s")


parser = argparse.ArgumentParser()
parser.add_argument("tresor")
parser.add_argument("detect_secrets")
for what in ("leaky", "gitleaks", "noise"):
    parser.add_argument(f"--{what}")
ARGS = parser.parse_args()
for what, measure in [("leaky", leaky), ("gitleaks", gitleaks), ("noise", noise)]:
    if getattr(ARGS, what):
        measure(getattr(ARGS, what))
