# SPDX-License-Identifier: Apache-2.0
"""Makes a program of some 200 MB with debug information, as large C++ programs are:
many units, many instances of templates, chains of inlined calls.  A few units are
compiled; the others are their copies under another namespace, whose name has the same
length, so that names differ all over the file and nobody waits for a compiler."""
import subprocess

COMPILED, COPIES, TYPES = 2, 21, 12
HEAD = """#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
namespace {ns} {{
"""
TYPE = """
struct Key{i} {{
	int a; std::string b; double c;
	bool operator<(const Key{i} &o) const {{ return a != o.a ? a < o.a : b < o.b; }}
	bool operator==(const Key{i} &o) const {{ return a == o.a && b == o.b; }}
}};
struct Hash{i} {{
	size_t operator()(const Key{i} &k) const {{ return std::hash<std::string>()(k.b) * {p} + k.a; }}
}};
class Store{i} {{
	std::map<Key{i}, std::vector<Key{i}>> ordered;
	std::unordered_map<Key{i}, std::shared_ptr<Key{i}>, Hash{i}> quick;
	std::vector<std::function<int(const Key{i} &)>> rules;
public:
	void add(const Key{i} &k)
	{{
		ordered[k].push_back(k);
		quick.emplace(k, std::make_shared<Key{i}>(k));
		rules.push_back([k](const Key{i} &o) {{ return o.a * {p} + k.a; }});
	}}
	int find(const Key{i} &k)
	{{
		auto q = quick.find(k);
		int sum = q == quick.end() ? {p} : q->second->a;
		for (auto &rule : rules)
			sum += rule(k);
		for (auto &o : ordered) {{
			std::sort(o.second.begin(), o.second.end());
			auto l = std::lower_bound(o.second.begin(), o.second.end(), k);
			sum += int(l - o.second.begin()) + std::count(o.second.begin(), o.second.end(), k);
		}}
		return sum;
	}}
}};
int work{i}(int n)
{{
	Store{i} store;
	for (int j = 0; j < n; j++)
		store.add(Key{i}{{j * {p}, std::string(j % 7, 'x'), 1.0 / (j + 1)}});
	return store.find(Key{i}{{n, "x", 0}});
}}
"""


def source(unit):
    """One unit's text; units differ in their numbers."""
    name = namespace(unit)
    types = range(unit * TYPES, (unit + 1) * TYPES)
    calls = " + ".join(f"work{i}(n)" for i in types)
    return (HEAD.format(ns=name) + "".join(TYPE.format(i=i, p=2 * i + 3) for i in types) +
            f"int all(int n) {{ return {calls}; }}\n}}\n")


def namespace(unit):
    return f"unit_{unit:04}"


def make(directory):
    """The program's path; made when it is not there."""
    program = directory / "big"
    if program.exists():
        return program
    directory.mkdir(parents=True, exist_ok=True)
    running, objects = [], []
    for unit in range(COMPILED):
        path = directory / f"{namespace(unit)}.cc"
        path.write_text(source(unit), encoding="utf-8")
        running.append(subprocess.Popen(["g++", "-std=c++17", "-O2", "-g", "-c", path, "-o",
                                         path.with_suffix(".o")]))
    if any(process.wait() for process in running):
        raise OSError("the large program could not be compiled")
    for unit in range(COMPILED):
        code = (directory / f"{namespace(unit)}.o").read_bytes()
        for copy in range(COPIES):
            name = namespace(unit + COMPILED * copy)
            objects.append(directory / f"{name}.o")
            objects[-1].write_bytes(code.replace(namespace(unit).encode(), name.encode()))
    names = [path.stem for path in objects]
    main = directory / "main.cc"
    main.write_text("".join(f"namespace {n} {{ int all(int); }}\n" for n in names) +
                    f"int main(int n, char **) {{ return {' + '.join(n + '::all(n)' for n in names)}; }}\n",
                    encoding="utf-8")
    subprocess.run(["g++", "-O2", "-g", "-Wl,--build-id", main, *objects, "-o", program], check=True)
    for path in objects:
        path.unlink()
    return program
