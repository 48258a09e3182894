#!/usr/bin/env python3
"""check_schema.py SCHEMA FOLDER: every line of FOLDER/*.ndjson must be valid against SCHEMA.

Files that are valid are removed, so that each run checks what the tests before it wrote. Exits with 77 if there are none.
"""
import glob
import json
import os
import sys

from jsonschema import Draft7Validator

SHOWN = 5


def check(validator, path):
    bad = lines = 0
    with open(path, encoding="utf-8") as file:
        for lines, line in enumerate(file, 1):
            for error in validator.iter_errors(json.loads(line)):
                bad += 1
                if bad <= SHOWN:
                    print(f"{path}:{lines}: {'/'.join(map(str, error.path))}: {error.message}\n  {line}", end="")
    return lines, bad


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    paths = sorted(glob.glob(os.path.join(sys.argv[2], "*.ndjson")))
    if not paths:
        return 77
    all_lines = all_bad = 0
    for path in paths:
        lines, bad = check(validator, path)
        all_lines += lines
        all_bad += bad
        if bad == 0:
            os.remove(path)
    print(f"{all_lines} lines of {len(paths)} files, {all_bad} errors")
    return 1 if all_bad else 0


sys.exit(main())
