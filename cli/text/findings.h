// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "cli/command.h"

/// What the library found out, or threw, in the words of the command line: the one place where a
/// Remedy becomes a command.
namespace nvmigrate::cli {

/// The command that carries out a remedy, as an argument vector.
std::vector<std::string> command_of(const Remedy& remedy);
/// A command as one line for a shell, quoted where it must be.
std::string line_of(const std::vector<std::string>& command);

/// The sentence of a finding; with `(allowed)` when the user allowed it.
std::string message_of(const Finding& found);
/// A word as every POSIX shell reads it, between quotation marks.
std::string quoted_for_sh(const std::string& word);
/// Advice and commands, a line each, indented; a command stands alone behind an arrow and is never
/// wrapped.
std::string next_steps(const std::string& advice, const std::vector<Remedy>& remedies,
                       std::size_t indent, const Screen& screen = {.width = endless});
/// A finding for a reader: sentence, advice, commands. \param mark in front of the sentence, in the
/// colour of the severity
std::string text_of(const Finding& found, const std::string& mark, std::size_t indent,
                    const Screen& screen = {.width = endless});
/// What an account says, each finding behind `!`, or `*` where nothing is wrong.
std::string account_text(const Findings& account, std::size_t indent, const Screen& screen);
/// `  warning (model): the model of …`, each with its next steps.
std::string text_of(const Findings& findings);
/// An error below its first line: every finding of a refusal, or advice and commands.
std::string details_of(const Error& error);
/// The first line of an error.
std::string headline_of(const Error& error);

/// `{"code", "severity", "class", "message", "device", "controller_id", …}`: the same object in
/// every document.
Json json_of(const Finding& found);
Json json_of(const Findings& findings);
Json commands_json(const std::vector<Remedy>& remedies);
/// `{"code", "class", "message", "advice", "commands", "device", "nvme_status", "findings"}`; null
/// for what it has not.
Json json_of(const Error& error);

/// One of several things that were asked for, and why it failed; null: it did not.
using Failures = std::vector<std::exception_ptr>;
/// The error, or null.
Json failure_json(const std::exception_ptr& failure);
/// `WHO: failed`, and below it what to do. What is wrong, tell() says.
std::string failure_text(const std::string& who, const std::exception_ptr& failure);
/// That of the error; ok for null.
ExitStatus status_of(const std::exception_ptr& failure);
/// What a command ends with: ok; the failure itself, rethrown, when one thing was asked for;
/// interrupted; else partial.
ExitStatus status_of(const Failures& failures);
/// Says on standard error which of several failed, and how many.
void tell(Context& context, const Failures& failures, std::string_view what = "functions");

}  // namespace nvmigrate::cli
